namespace AkkaRegenCache.Storage;

/// <summary>
/// The state of one key in a <see cref="StoreMachine"/>: record, schedule, claim, failure. Times are ticks of the store's clock.
/// </summary>
internal sealed partial class StoreSlot(string key)
{
    /// <summary>A claim that was granted.</summary>
    internal sealed class ClaimState
    {
        public required string Owner { get; init; }

        public required long Token { get; init; }

        /// <summary>When the lease ends.</summary>
        public required long LeaseEnds { get; set; }

        /// <summary>Until when it can't be stolen: the first lease of a stolen claim.</summary>
        public long SafeUntil { get; init; }

        /// <summary>Whether another node was told to wait for it.</summary>
        public bool IsContended { get; set; }
    }

    /// <summary>A generation that failed.</summary>
    internal sealed class FailureState
    {
        public required GenerationFailure Failure { get; init; }

        public required long Token { get; init; }

        public required long BacksOffUntil { get; init; }

        public required long KeptUntil { get; init; }
    }

    private static readonly long s_tokenKept = TimeSpan.FromSeconds(10).Ticks;

    private long _recordEnds;
    private long _interval;

    public string Key { get; } = key;

    /// <summary>The value; null where there is none or the record is a tombstone.</summary>
    public CachePayload? Payload { get; private set; }

    /// <summary>The token of the newest value or tombstone accepted; 0: none yet.</summary>
    public long Token { get; private set; }

    /// <summary>The newest token given out for the key, accepted or not.</summary>
    public long NewestToken { get; set; }

    /// <summary>The next target on the grid; 0: nothing is scheduled.</summary>
    public long DueAt { get; private set; }

    public long ActiveUntil { get; private set; }

    /// <summary>Until when a scheduled regeneration is not tried again after one that ended without a value.</summary>
    public long NotDueBefore { get; set; }

    public ClaimState? Claim { get; set; }

    public FailureState? Failure { get; set; }

    public bool IsQueued { get; set; }

    /// <summary>Its weight against the machine's bound; 0: it has no value.</summary>
    public long Weight { get; set; }

    /// <summary>Its index among the slots with a value; -1: it has none.</summary>
    public int Place { get; set; } = -1;

    /// <summary>Whether it was asked for since the clock's hand passed it.</summary>
    public bool WasAskedFor { get; set; }

    /// <summary>When no state of the slot is needed any more, not even its schedule.</summary>
    public long NeededUntil
    {
        get
        {
            // Tokens are times. They are remembered for a while, in case the clock is set back.
            var until = (NewestToken * TimeSpan.TicksPerMicrosecond) + s_tokenKept;
            until = Math.Max(until, Math.Max(_recordEnds, Claim?.LeaseEnds ?? 0));
            until = Math.Max(until, Failure?.KeptUntil ?? 0);
            until = Math.Max(until, Math.Max(KnownUntil, Unsettled?.KeptUntil ?? 0));
            return DueAt != 0 ? Math.Max(until, ActiveUntil) : until;
        }
    }

    /// <summary>Whether there is a value or a tombstone.</summary>
    public bool HasRecord(long now) => Token != 0 && _recordEnds > now;

    public bool IsFresh(long now) => Payload is not null && _recordEnds > now;

    public StoreRecord? Snapshot(long now) => !HasRecord(now)
        ? null
        : new StoreRecord
        {
            Payload = Payload,
            Token = Token,
            FreshFor = TimeSpan.FromTicks(_recordEnds - now),
            DueIn = DueAt == 0 ? null : TimeSpan.FromTicks(DueAt - now),
            ActiveFor = TimeSpan.FromTicks(ActiveUntil - now),
        };

    /// <summary>Accepts a value or, if null, a tombstone. Ends the claim and forgets the failure.</summary>
    public void Accept(CachePayload? payload, long token, long ends)
    {
        Payload = payload;
        Token = token;
        NewestToken = Math.Max(NewestToken, token);
        _recordEnds = ends;
        Claim = null;
        Failure = null;
        NotDueBefore = 0;
    }

    /// <summary>
    /// Sets the next target: the first time on the grid that is far enough ahead. An existing grid goes on (no drift, and no burst of runs
    /// after a pause); otherwise it starts again at now + interval.
    /// </summary>
    public void Schedule(StoreSchedule schedule, long now, bool keepGrid)
    {
        var previousDue = keepGrid ? DueAt : 0;
        var active = now + schedule.ActiveFor.Ticks;
        ActiveUntil = keepGrid ? Math.Max(ActiveUntil, active) : active;
        if (schedule.Interval is not { Ticks: > 0 } interval)
        {
            DueAt = 0;
            return;
        }

        var first = previousDue != 0 && interval.Ticks == _interval ? previousDue : now + interval.Ticks;
        var earliest = Math.Max(now + schedule.MinimumForward.Ticks, now + 1);
        var steps = first >= earliest ? 0 : (earliest - first + interval.Ticks - 1) / interval.Ticks;
        DueAt = first + (steps * interval.Ticks);
        _interval = interval.Ticks;
    }

    /// <summary>Evicts the value with its schedule.</summary>
    public void Evict()
    {
        Payload = null;
        Token = 0;
        _recordEnds = 0;
        EndSchedule();
    }

    /// <summary>
    /// Loses what an external store may evict separately: the value or tombstone, or the rest of the state, except what the value's header
    /// repeats. For the simulator.
    /// </summary>
    internal void Lose(bool value, bool state)
    {
        if (value)
        {
            Payload = null;
            _recordEnds = 0;
        }

        if (!state)
            return;
        Claim = null;
        Failure = null;
        NotDueBefore = 0;
        if (_recordEnds == 0)
        {
            Token = 0;
            _interval = 0;
            EndSchedule();
        }

        NewestToken = Token;
    }

    public void EndSchedule()
    {
        DueAt = 0;
        ActiveUntil = 0;
    }

    /// <summary>
    /// A claim reports activity. It is stored only if it adds a quarter to the known activity, as with touches: a thousand new nodes that
    /// find a value must not cause a thousand writes.
    /// </summary>
    public void NoteReaders(long activeFor, long now)
    {
        if (now + activeFor - ActiveUntil > activeFor / 4)
            ProlongActivity(now + activeFor);
    }

    public void ProlongActivity(long until)
    {
        if (DueAt != 0)
            ActiveUntil = Math.Max(ActiveUntil, until);
    }
}
