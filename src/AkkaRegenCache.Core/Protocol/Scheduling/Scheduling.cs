using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>When a key is regenerated on this node: due times with jitter and grace, background places, backoff.</summary>
/// <remarks>
/// The store's record says when a key is next due and how long it stays active. Every node that has a generator for the key keeps that
/// time. The owner of the last value claims first, the others a grace period later; normally they receive the new value before that. The
/// store decides by its own clock whether a run is due and the key is still active. A value near its end is an exception: if the store
/// can't be asked, the next one is made without it, so that no reader has to wait.
/// </remarks>
internal sealed class Scheduling(
    Kernel kernel,
    StoreGate storeGate,
    Coordinators coordinators,
    Activity activity,
    Shown shown) : Component(kernel)
{
    /// <summary>How long a due key waits for the store before the next look.</summary>
    private static readonly long s_longWait = TimeSpan.FromSeconds(30).Ticks;

    /// <summary>Due keys that need the store.</summary>
    private readonly List<KeyState> _deferred = [];

    private readonly Queue<KeyState> _ready = new();

    /// <summary>The number of background places in use.</summary>
    public int Background { get; private set; }

    /// <summary>Whether the next value should be made without the store, so that no reader has to wait.</summary>
    public bool EndsSoon(KeyState state) => state.Source is not null && (SoonAt(state) < Now || IsMissed(state));

    /// <summary>Whether readers on this node miss a value because the last one expired.</summary>
    private bool IsMissed(KeyState state) => state.RanOut && state.ActiveUntil > Now && state.Source is { Profile.IsScheduled: true };

    /// <summary>Whether memory shows the key, or would if its value had not expired.</summary>
    public bool IsWanted(KeyState state) => state.InMemory || IsMissed(state);

    /// <summary>From when on the shown value counts as near its end.</summary>
    public static long SoonAt(KeyState state) =>
        state.EndsAt == long.MaxValue ? long.MaxValue : state.EndsAt - (state.Source!.Profile.Tolerance / 2);

    /// <summary>The interval between tries for a value near its end.</summary>
    public static long SoonDelay(KeyState state) => Math.Clamp(state.Source!.Profile.Tolerance / 4, Delays.Repair / 4, Delays.Repair);

    /// <summary>
    /// A scheduled key always gets a next time. Otherwise its value would be shown until it expires, and the next reader would wait.
    /// Exceptions: a flight is under way, or the store said that nothing is scheduled.
    /// </summary>
    public void KeepDue(KeyState state)
    {
        if (state is not { DueAt: long.MaxValue, Flight: null, Ready: false, Source.Profile.IsScheduled: true } || Kernel.IsDraining
            || Kernel.HasDrained)
            return;
        if (IsMissed(state))
            state.DueAt = Now + SoonDelay(state);
        else if (state is { InMemory: true, EndsAt: < long.MaxValue } && (!state.Unscheduled || state.Uncommitted))
            state.DueAt = Math.Max(SoonAt(state), Now + SoonDelay(state));
    }

    /// <summary>A due key needs the store. The key is served when the store is back, or when its value is near its end.</summary>
    private void Postpone(KeyState state)
    {
        var wait = storeGate.Breaker.IsOpen ? s_longWait : Delays.Repair;
        var last = state.Source is null ? long.MaxValue : SoonAt(state);
        state.DueAt = Math.Min(Now + wait + Kernel.Random(Delays.Repair / 4), Math.Max(last, Now + Delays.Retry));
        if (state.Deferred || !storeGate.Breaker.IsOpen)
            return;
        state.Deferred = true;
        _deferred.Add(state);
    }

    /// <summary>Learns a key's generator on this node; the newest counts.</summary>
    public void Learn(KeyState state, GeneratorSource source)
    {
        // A value that came without a generator (a set or a peek) has no due time here, so the store is asked.
        if (state.Source is null && state.InMemory && source.Profile.IsScheduled)
            state.DueAt = Math.Min(state.DueAt, Now + Kernel.Random(source.Profile.Jitter));
        state.Source = source;
        state.ActiveUntil = Math.Max(state.ActiveUntil, Now + source.Profile.Retention);
        if (state.InMemory && source.Profile.IsScheduled && EndsSoon(state))
            state.DueAt = Now;
    }

    public void OnLearned(GeneratorLearned learned)
    {
        if (!Kernel.Keys.TryGetValue(learned.Key, out var state))
            return;
        Learn(state, learned.Source);
        Kernel.Settle(state);
    }

    public void OnEvicted(Evicted evicted)
    {
        if (!Kernel.Keys.TryGetValue(evicted.Key, out var state) || !state.InMemory)
            return;
        state.InMemory = false;
        state.Uncommitted = false;
        state.EndsAt = long.MaxValue;
        if (state.Source is { } source && evicted.LastRead != long.MinValue)
            state.ActiveUntil = Math.Max(state.ActiveUntil, evicted.LastRead + source.Profile.Retention);

        // Keys that memory has no room for are regenerated for the farm, but at most as many as memory holds: a flood of keys must not fill
        // the node.
        if (Kernel.Keys.Count > 2 * Settings.MaximumEntries && state is { Flight: null, Pending: 0 })
            Unschedule(state);
        Kernel.Settle(state);
    }

    public void ServeKey(KeyState state)
    {
        if (state.EndsAt <= Now)
        {
            shown.Forget(state);
            state.RanOut = true;
        }

        if (state.DueAt <= Now)
        {
            state.DueAt = long.MaxValue;
            ServeDue(state);
        }

        Kernel.Settle(state);
    }

    /// <summary>Serves a due key: regenerates it, or repairs its state.</summary>
    public void ServeDue(KeyState state, string? orphan = null)
    {
        if (Kernel.Omits(Step.ServeDue))
            return;

        // Other nodes regenerate it.
        if (Kernel.IsDraining || Kernel.HasDrained)
            return;
        var isUnreachable = storeGate.IsUnreachable(state);
        if (isUnreachable && !EndsSoon(state))
        {
            Postpone(state);
            return;
        }

        if (state.IsOutdated && !isUnreachable)
        {
            Kernel.Post(new Fact(FactKind.FetchWanted) { State = state });
            return;
        }

        if (state.Flight is not null)
        {
            // The flight brings a new due time. If it does not, this one counts; and if it takes long, the store may have a newer value by
            // then.
            state.DueAt = Now + Delays.Repair;
            if (state.InMemory && !isUnreachable && EndsSoon(state))
                Kernel.Post(new Fact(FactKind.LookWanted) { State = state });
            return;
        }

        if (state.Ready)
            return;
        if (state.Source is null || (!state.Uncommitted && !state.Source.Profile.IsScheduled))
            return;
        if (Background >= Settings.MaximumBackground)
        {
            state.Ready = true;
            _ready.Enqueue(state);
            return;
        }

        activity.OwnActivity(state);
        state.Flight = new Flight(state, ClaimReason.Due) { KeepsGoing = true, IsBackground = true, Orphan = orphan };
        Background++;
        Kernel.Post(new Fact(FactKind.FlightBegun) { State = state, Flight = state.Flight });
    }

    /// <summary>Gives free background places to waiting keys, in order.</summary>
    public void ServeReady()
    {
        while (Background < Settings.MaximumBackground && _ready.TryDequeue(out var next))
        {
            next.Ready = false;
            next.DueAt = long.MaxValue;
            ServeDue(next);
            Kernel.Settle(next);
        }
    }

    /// <summary>A background run has ended.</summary>
    public void GiveBack() => Background--;

    /// <summary>The store is back.</summary>
    public void OnStoreBack()
    {
        foreach (var state in _deferred)
        {
            state.Deferred = false;
            if (state.IsGone)
                continue;
            state.DueAt = Math.Min(state.DueAt, Now + Kernel.Random(Delays.Spread));
            Kernel.Queue(state);
        }

        _deferred.Clear();
    }

    /// <summary>Sets the next due time from the store's answer.</summary>
    /// <param name="state">The key.</param>
    /// <param name="dueIn">Time from now; null: nothing is scheduled.</param>
    /// <param name="owner">Whether this node made the value; then it claims before the others.</param>
    public void DueIn(KeyState state, TimeSpan? dueIn, bool owner)
    {
        state.DueAt = long.MaxValue;
        state.Unscheduled = dueIn is null;
        if (dueIn is not { } due || state.Source is not { Profile: { IsScheduled: true } profile })
            return;

        // An overdue key may have no owner any more, so no grace.
        var grace = due <= TimeSpan.Zero ? 0 : !owner ? profile.Grace : Kernel.HasCoordinators ? profile.OwnerGrace : 0;
        state.DueAt = Now + Math.Max(0, due.Ticks) + grace + Kernel.Random(profile.Jitter);
        coordinators.Offer(state);
    }

    /// <summary>Sets a due time for the key, if there is something to regenerate or repair.</summary>
    public void DueAgainIn(KeyState state, long delay)
    {
        if (storeGate.Breaker.IsOpen)
            delay = Math.Max(delay, Delays.Repair);
        var regenerates = state.Token != 0 && state.Source is { Profile.IsScheduled: true };
        if (regenerates || state.IsOutdated || state.Uncommitted)
            state.DueAt = Math.Min(state.DueAt, Now + delay + Kernel.Random(Math.Min(delay / 4, Delays.Repair / 4)));
        Kernel.Queue(state);
    }

    /// <summary>After a failure: 1 s, 2 s, 4 s … up to the interval.</summary>
    public static long DueBackoff(KeyState state) =>
        state.Source is { } source ? Math.Min(source.Profile.Interval, Delays.Repair << state.Failures) : Delays.Repair;

    /// <summary>The key is not regenerated here any more: it was removed, or not read for too long. A hit schedules it again.</summary>
    public void Unschedule(KeyState state)
    {
        state.DueAt = long.MaxValue;
        state.Failures = 0;
        state.Offered = false;
        if (state.Source is null)
            return;
        state.Source = null;
        if (state.InMemory)
            Out.Send(Peer.Memory, new Retire(state.Key));
    }
}
