using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Due times, what memory shows and for how long, places in the background, renewals.</content>
internal partial class NodeAgent
{
    private readonly List<Flight> _held = [];
    private readonly Queue<KeyState> _ready = new();
    private int _background;
    private long _renewAt = long.MaxValue;

    /// <summary>Learns what generates a key on this node; the newest counts.</summary>
    private void Learn(KeyState state, GeneratorSource source)
    {
        // What came without a generator (a set, a peek) has no time here: the store is asked for it.
        if (state.Source is null && state.InMemory && source.Profile.IsScheduled)
            state.DueAt = Math.Min(state.DueAt, _now + Random(source.Profile.Jitter));
        state.Source = source;
        state.ActiveUntil = Math.Max(state.ActiveUntil, _now + source.Profile.Retention);
        if (state.InMemory && source.Profile.IsScheduled && EndsSoon(state))
            state.DueAt = _now;
    }

    private void OnLearned(GeneratorLearned learned)
    {
        if (!_keys.TryGetValue(learned.Key, out var state))
            return;
        Learn(state, learned.Source);
        Settle(state);
    }

    private void OnEvicted(Evicted evicted)
    {
        if (!_keys.TryGetValue(evicted.Key, out var state) || !state.InMemory)
            return;
        state.InMemory = false;
        state.Uncommitted = false;
        state.EndsAt = long.MaxValue;
        if (state.Source is { } source && evicted.LastRead != long.MinValue)
            state.ActiveUntil = Math.Max(state.ActiveUntil, evicted.LastRead + source.Profile.Retention);

        // What memory has no room for is regenerated all the same, for the farm; but not more of it than memory holds: a flood of keys fills no node.
        if (_keys.Count > 2 * _settings.MaximumEntries && state is { Flight: null, Pending: 0 })
            Unschedule(state);
        Settle(state);
    }

    private void ServeKey(KeyState state)
    {
        if (state.EndsAt <= _now)
        {
            Forget(state);
            state.RanOut = true;
        }

        if (state.DueAt <= _now)
        {
            state.DueAt = long.MaxValue;
            ServeDue(state);
        }

        Settle(state);
    }

    /// <summary>A key is due here: it is regenerated, or what is amiss repaired. Overridden only to plant a bug.</summary>
    protected virtual void ServeDue(KeyState state, string? orphan = null)
    {
        // Another node sees to it.
        if (_isDraining || _hasDrained)
            return;
        var isUnreachable = IsUnreachable(state);
        if (isUnreachable && !EndsSoon(state))
        {
            Postpone(state);
            return;
        }

        if (state.IsOutdated && !isUnreachable)
        {
            Fetch(state);
            return;
        }

        if (state.Flight is not null)
        {
            // It brings a new time; should it not, this one does. It may take long, and the store have newer meanwhile.
            state.DueAt = _now + s_repairDelay;
            if (state.InMemory && !isUnreachable && EndsSoon(state))
                Peek(state, null);
            return;
        }

        if (state.Ready)
            return;
        if (state.Source is null || (!state.Uncommitted && !state.Source.Profile.IsScheduled))
            return;
        if (_background >= _settings.MaximumBackground)
        {
            state.Ready = true;
            _ready.Enqueue(state);
            return;
        }

        OwnActivity(state);
        state.Flight = new Flight(state, ClaimReason.Due) { KeepsGoing = true, IsBackground = true, Orphan = orphan };
        _background++;
        Claim(state.Flight);
    }

    /// <summary>Something newer is in the store: only a read, and readers see the old value until it is done.</summary>
    private void Fetch(KeyState state)
    {
        if (state.Flight is { } flight)
        {
            // One that reads brings it anyway; beside one that generates, a look into the store.
            if (flight.Why != ClaimReason.Miss)
                Peek(state, null);
            state.DueAt = _now + s_repairDelay;
            return;
        }

        state.Flight = new Flight(state, ClaimReason.Miss) { KeepsGoing = true };
        Read(state.Flight);
    }

    /// <summary>Gives free places in the background to those that wait for one, first come first served.</summary>
    private void ServeReady()
    {
        while (_background < _settings.MaximumBackground && _ready.TryDequeue(out var next))
        {
            next.Ready = false;
            next.DueAt = long.MaxValue;
            ServeDue(next);
            Settle(next);
        }
    }

    /// <summary>Until when this node's own reads keep the key active; as far as the memory layer's epochs can tell.</summary>
    private long OwnActivity(KeyState state)
    {
        if (state.Source is { } source && state.InMemory)
        {
            var lastRead = _access.LastRead(state.Key);
            if (lastRead != long.MinValue)
                state.ActiveUntil = Math.Max(state.ActiveUntil, lastRead + source.Profile.Retention);
        }

        return state.ActiveUntil;
    }

    /// <summary>Takes the store's word for the next due time.</summary>
    /// <param name="state">The key.</param>
    /// <param name="dueIn">Time from now; null: nothing is scheduled.</param>
    /// <param name="owner">Whether this node made the value: then it claims before all others.</param>
    private void DueIn(KeyState state, TimeSpan? dueIn, bool owner)
    {
        state.DueAt = long.MaxValue;
        state.Unscheduled = dueIn is null;
        if (dueIn is not { } due || state.Source is not { Profile: { IsScheduled: true } profile })
            return;

        // Overdue, nobody is known to see to it: no grace then.
        var grace = due <= TimeSpan.Zero ? 0 : !owner ? profile.Grace : HasCoordinators ? profile.OwnerGrace : 0;
        state.DueAt = _now + Math.Max(0, due.Ticks) + grace + Random(profile.Jitter);
        Offer(state);
    }

    /// <summary>Sees to the key again, where there is something to regenerate or repair.</summary>
    private void DueAgainIn(KeyState state, long delay)
    {
        if (_breaker.IsOpen)
            delay = Math.Max(delay, s_repairDelay);
        var regenerates = state.Token != 0 && state.Source is { Profile.IsScheduled: true };
        if (regenerates || state.IsOutdated || state.Uncommitted)
            state.DueAt = Math.Min(state.DueAt, _now + delay + Random(Math.Min(delay / 4, s_repairDelay / 4)));
        Queue(state);
    }

    /// <summary>After a failure: 1 s, 2 s, 4 s … up to the interval.</summary>
    private static long DueBackoff(KeyState state) =>
        state.Source is { } source ? Math.Min(source.Profile.Interval, s_repairDelay << state.Failures) : s_repairDelay;

    /// <summary>The key is no longer regenerated here: it was removed, or nobody has read it for too long. A hit brings it back.</summary>
    private void Unschedule(KeyState state)
    {
        state.DueAt = long.MaxValue;
        state.Failures = 0;
        state.Offered = false;
        if (state.Source is null)
            return;
        state.Source = null;
        if (state.InMemory)
            _out.Send(Peer.Memory, new Retire(state.Key));
    }

    /// <summary>Takes a record of the store into memory, where it is not older than what is there.</summary>
    private void Take(StoreCall call, StoreRecord record)
    {
        var state = call.State!;
        NoteToken(state, record.Token);
        if (record.Token < state.Token || record.Token < state.NewestHeard)
            return;
        if (state is { InMemory: true, Uncommitted: true } && IsBasis(state, record.Token))
        {
            // What was made here without the store is newer than what the store still has, and stays until the next one is due.
            state.Token = record.Token;
            DueIn(state, record.DueIn, owner: false);
            return;
        }

        if (state is { InMemory: true, Uncommitted: true } && LastsLonger(state, call, record))
        {
            // The farm had no store for long; the next value is to be made from this record's claim, and no reader need wait for it.
            state.Token = record.Token;
            state.DueAt = _now;
            return;
        }

        // What memory has let go for want of room doesn't come back without a reader.
        if (IsWanted(state) || call.Flight is not { Why: ClaimReason.Due, Waiters: null })
            Show(state, record.Token, record.Payload!, call.IssuedAt + record.FreshFor.Ticks);
        DueIn(state, record.DueIn, owner: false);
        VerifyAcrossGap(call);
    }

    /// <summary>
    /// Whether what is shown was made later than the record with this token: it was based on it, in this life of the store or in an earlier
    /// one whose record is there again (a server that kept its data, a shard that was given it back). Overridden only to plant a bug.
    /// </summary>
    protected virtual bool IsBasis(KeyState state, long token) =>
        token == state.Token || (_earlierBases.Count > 0 && _earlierBases.TryGetValue(state, out var basis) && token == basis);

    /// <summary>Whether a record is overdue and soon ends, and what is shown instead does not: it was made later, where the store couldn't be asked.</summary>
    private bool LastsLonger(KeyState state, StoreCall call, StoreRecord record)
    {
        var ends = call.IssuedAt + record.FreshFor.Ticks;
        return state.Source is { Profile: { IsScheduled: true } profile } && record.DueIn <= TimeSpan.Zero
            && ends - _now < profile.Tolerance / 2 && state.EndsAt > ends && !EndsSoon(state);
    }

    private void Show(KeyState state, long token, CachePayload payload, long endsAt)
    {
        if (!MayShow(state))
            return;
        state.InMemory = true;
        state.Uncommitted = false;
        state.Token = token;
        state.EndsAt = endsAt;
        _out.Send(Peer.Memory, new Adopt(state.Key, token, payload, state.Source, committed: true));
        ServeShown(state);
    }

    /// <summary>Keeps a value that the store didn't get: here only, until something newer is heard or the store answers again.</summary>
    /// <param name="flight">The flight that made it.</param>
    /// <param name="payload">The value.</param>
    /// <param name="basis">The token of what it is newer than.</param>
    /// <param name="madeAt">When it was made: its life counts from then.</param>
    private void TakeUncommitted(Flight flight, CachePayload payload, long basis, long madeAt)
    {
        var state = flight.State;
        state.InMemory = true;
        state.Uncommitted = true;
        state.Token = basis;
        state.EndsAt = madeAt + flight.Profile!.Life;
        _out.Send(Peer.Memory, new Adopt(state.Key, state.Token, payload, state.Source, committed: false));
        ServeShown(state);
        DueAgainIn(state, s_repairDelay);
    }

    /// <summary>Takes the entry out of memory.</summary>
    private void Forget(KeyState state)
    {
        if (state.InMemory)
        {
            OwnActivity(state);
            _out.Send(Peer.Memory, new Drop(state.Key));
        }

        state.InMemory = false;
        state.Uncommitted = false;
        state.EndsAt = long.MaxValue;
    }

    private void Hold(Flight flight)
    {
        flight.HeldIndex = _held.Count;
        _held.Add(flight);
        if (_renewAt == long.MaxValue)
            _renewAt = _now + (_settings.Lease / 3);
    }

    private void Unhold(Flight flight)
    {
        if (flight.HeldIndex < 0)
            return;
        var last = _held[^1];
        _held[flight.HeldIndex] = last;
        last.HeldIndex = flight.HeldIndex;
        _held.RemoveAt(_held.Count - 1);
        flight.HeldIndex = -1;
    }

    /// <summary>Renews all claims of this node in one batch, every third of a lease.</summary>
    private void ServeRenewals()
    {
        if (_renewAt > _now)
            return;
        if (_held.Count == 0)
        {
            _renewAt = long.MaxValue;
            return;
        }

        _renewAt = _now + (_settings.Lease / 3);
        Renew();
    }

    /// <summary>Sends the renewals. Overridden only to plant a bug.</summary>
    protected virtual void Renew()
    {
        foreach (var flights in _held.GroupBy(f => f.State.Part).Select(g => g.ToArray()).ToArray())
        {
            Send(new StoreCall
            {
                Claims = Array.ConvertAll(flights, f => new HeldClaim(f.State.Key, f.Token)),
                Lease = TimeSpan.FromTicks(_settings.Lease),
                Renewed = flights,
                Part = flights[0].State.Part,
                IssuedAt = _now,
            });
        }
    }

    private void OnRenewed(StoreCall call, RenewAnswer? answer)
    {
        if (answer is null)
            return;
        for (var i = 0; i < answer.Outcomes.Count; i++)
        {
            var flight = call.Renewed![i];
            if (answer.Outcomes[i] == RenewOutcome.Held)
            {
                flight.LeaseEnds = call.IssuedAt + _settings.Lease;
            }
            else if (flight is { IsEnded: false, IsSealed: false, Phase: FlightPhase.Running, HeldIndex: >= 0 })
            {
                // Lost: what it makes can't be stored, so making it is a waste. Those who wait ask again.
                Cancel(flight, hung: false);
                DueAgainIn(flight.State, s_retryDelay);
                AskAgainAll(flight);
                Settle(flight.State);
            }
        }
    }
}
