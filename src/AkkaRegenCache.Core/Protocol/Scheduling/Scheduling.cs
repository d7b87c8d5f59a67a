using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>When a key is seen to on this node: due times with jitter and grace, places in the background, backoff.</summary>
/// <remarks>
/// The store's record says when a key is next due and how long it stays active. Every node that has a generator for the key keeps that time; the one that made the last value claims
/// first, the others a grace later, and normally hear of the new value before. Whether a run is due and the key still active the store decides by its own clock. A value whose end
/// is near is an exception: where the store can't be asked, it is made without it, lest the next reader has to wait.
/// </remarks>
internal sealed class Scheduling(Kernel kernel, StoreGate storeGate, Coordinators coordinators, Activity activity, Shown shown) : Component(kernel)
{
    /// <summary>How long something due waits for the store's return before it looks again.</summary>
    private static readonly long s_longWait = TimeSpan.FromSeconds(30).Ticks;

    /// <summary>Keys that are due and need the store.</summary>
    private readonly List<KeyState> _deferred = [];

    private readonly Queue<KeyState> _ready = new();

    /// <summary>Places in the background that are taken.</summary>
    public int Background { get; private set; }

    /// <summary>Whether a value should be made here, without the store, lest the next reader has to wait.</summary>
    public bool EndsSoon(KeyState state) => state.Source is not null && (SoonAt(state) < Now || IsMissed(state));

    /// <summary>Whether readers here would have had a value, had the last one not run out.</summary>
    private bool IsMissed(KeyState state) => state.RanOut && state.ActiveUntil > Now && state.Source is { Profile.IsScheduled: true };

    /// <summary>Whether memory shows the key, or would.</summary>
    public bool IsWanted(KeyState state) => state.InMemory || IsMissed(state);

    /// <summary>From when on what is shown ends soon.</summary>
    public static long SoonAt(KeyState state) => state.EndsAt == long.MaxValue ? long.MaxValue : state.EndsAt - (state.Source!.Profile.Tolerance / 2);

    /// <summary>How often something is tried again for a value that ends soon.</summary>
    public static long SoonDelay(KeyState state) => Math.Clamp(state.Source!.Profile.Tolerance / 4, Delays.Repair / 4, Delays.Repair);

    /// <summary>
    /// What is regenerated here has a next time, whatever went wrong: without one it would be shown until its end, and the next reader wait. There is none
    /// where a flight is under way, and where the store said so.
    /// </summary>
    public void KeepDue(KeyState state)
    {
        if (state is not { DueAt: long.MaxValue, Flight: null, Ready: false, Source.Profile.IsScheduled: true } || Kernel.IsDraining || Kernel.HasDrained)
            return;
        if (IsMissed(state))
            state.DueAt = Now + SoonDelay(state);
        else if (state is { InMemory: true, EndsAt: < long.MaxValue } && (!state.Unscheduled || state.Uncommitted))
            state.DueAt = Math.Max(SoonAt(state), Now + SoonDelay(state));
    }

    /// <summary>Something is due that needs the store: its return wakes the key, or the nearing end of what is shown.</summary>
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

    /// <summary>Learns what generates a key on this node; the newest counts.</summary>
    public void Learn(KeyState state, GeneratorSource source)
    {
        // What came without a generator (a set, a peek) has no time here: the store is asked for it.
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

        // What memory has no room for is regenerated all the same, for the farm; but not more of it than memory holds: a flood of keys fills no node.
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

    /// <summary>A key is due here: it is regenerated, or what is amiss repaired.</summary>
    public void ServeDue(KeyState state, string? orphan = null)
    {
        if (Kernel.Omits(Step.ServeDue))
            return;

        // Another node sees to it.
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
            // It brings a new time; should it not, this one does. It may take long, and the store have newer meanwhile.
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

    /// <summary>Gives free places in the background to those that wait for one, first come first served.</summary>
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

    /// <summary>What ran in the background has ended.</summary>
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

    /// <summary>Takes the store's word for the next due time.</summary>
    /// <param name="state">The key.</param>
    /// <param name="dueIn">Time from now; null: nothing is scheduled.</param>
    /// <param name="owner">Whether this node made the value: then it claims before all others.</param>
    public void DueIn(KeyState state, TimeSpan? dueIn, bool owner)
    {
        state.DueAt = long.MaxValue;
        state.Unscheduled = dueIn is null;
        if (dueIn is not { } due || state.Source is not { Profile: { IsScheduled: true } profile })
            return;

        // Overdue, nobody is known to see to it: no grace then.
        var grace = due <= TimeSpan.Zero ? 0 : !owner ? profile.Grace : Kernel.HasCoordinators ? profile.OwnerGrace : 0;
        state.DueAt = Now + Math.Max(0, due.Ticks) + grace + Kernel.Random(profile.Jitter);
        coordinators.Offer(state);
    }

    /// <summary>Sees to the key again, where there is something to regenerate or repair.</summary>
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

    /// <summary>The key is no longer regenerated here: it was removed, or nobody has read it for too long. A hit brings it back.</summary>
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
