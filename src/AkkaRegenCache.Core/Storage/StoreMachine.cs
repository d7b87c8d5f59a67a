using System.Diagnostics;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The store's rules as a deterministic machine: no I/O, no clock, no lock of its own. It is the reference for every store, the heart of
/// <see cref="InMemoryStore"/>, and a participant of the simulator.
/// </summary>
/// <remarks>
/// <para>
/// A key's slot holds up to four things: the record (a value or a tombstone), the schedule, the claim, and the last failure. All tokens of
/// a /// slot, granted or accepted, come from one counter, max(newest + 1, clock in µs). So whatever was accepted later has the higher
/// token, and a claim is older than every change that ended it. That is why "the claim with this token is live" is all a commit must be
/// asked.
/// </para>
/// <para>
/// The schedule outlives the value: when regeneration fails until the value ends, the next one is still due on the old grid, and a node
/// that never read the key learns from the record how long it stays active.
/// </para>
/// <para>Times are 100 ns ticks of the store's clock, handed in. Not thread-safe.</para>
/// </remarks>
internal sealed partial class StoreMachine
{
    private const long TicksPerMicrosecond = TimeSpan.TicksPerMicrosecond;

    /// <summary>How long the nodes that waited for a failed run can find its failure.</summary>
    private static readonly long s_failureKept = TimeSpan.FromSeconds(10).Ticks;

    private readonly Dictionary<string, StoreSlot> _slots = new(StringComparer.Ordinal);
    private readonly PriorityQueue<StoreSlot, long> _expiry = new();
    private readonly OperationMemory _operations;
    private readonly bool _storesObjects;
    private readonly StoreBound? _bound;

    /// <summary>Creates an empty store.</summary>
    /// <param name="epoch">The epoch's id.</param>
    /// <param name="operationsKept">How long first answers are remembered.</param>
    /// <param name="storesObjects">Whether objects are kept; otherwise only their bytes.</param>
    /// <param name="bound">The bound on its records; null: none.</param>
    public StoreMachine(string epoch, TimeSpan operationsKept, bool storesObjects = true, StoreBound? bound = null)
    {
        _bound = bound;
        Epoch = epoch;
        _storesObjects = storesObjects;
        _operations = new OperationMemory(operationsKept.Ticks);
    }

    /// <summary>The store's epoch.</summary>
    public string Epoch { get; }

    /// <summary>For tests: whether a step is left out.</summary>
    public Predicate<StoreStep>? Omits { get; init; }

    /// <summary>Number of slots, live or awaiting their purge.</summary>
    public int Count => _slots.Count;

    public ReadAnswer Read(ReadRequest request, long now)
    {
        if (!_slots.TryGetValue(request.Key, out var slot))
            return new ReadAnswer { Epoch = Epoch };
        slot.WasAskedFor = true;
        return new ReadAnswer { Epoch = Epoch, Record = slot.Snapshot(now) };
    }

    public ClaimAnswer Claim(ClaimRequest request, long now)
    {
        Purge(now);
        if (TryRecall(request.Operation, out var first))
            return (ClaimAnswer)first;

        var slot = SlotOf(request.Key);
        slot.WasAskedFor = true;
        var answer = Decide(slot, request, now);
        if (answer.Outcome == ClaimOutcome.Granted)
            _operations.Remember(request.Operation, answer, now);
        Requeue(slot, now);
        return answer;
    }

    public RenewAnswer Renew(IReadOnlyList<HeldClaim> claims, TimeSpan lease, long now)
    {
        var outcomes = new RenewOutcome[claims.Count];
        for (var i = 0; i < outcomes.Length; i++)
        {
            outcomes[i] = RenewOutcome.Lost;
            if (!_slots.TryGetValue(claims[i].Key, out var slot) || !HoldsLiveClaim(slot, claims[i].Token, now))
                continue;
            slot.Claim!.LeaseEnds = Math.Max(slot.Claim.LeaseEnds, now + lease.Ticks);
            outcomes[i] = RenewOutcome.Held;
        }

        return new RenewAnswer { Epoch = Epoch, Outcomes = outcomes };
    }

    public ChangeAnswer Commit(CommitRequest request, long now) => Change(request, now);

    public ReleaseAnswer Release(ReleaseRequest request, long now)
    {
        Purge(now);
        if (TryRecall(request.Operation, out var first))
            return (ReleaseAnswer)first;

        var released = new ReleaseAnswer { Epoch = Epoch, Released = true };
        if (!_slots.TryGetValue(request.Key, out var slot) || slot.Claim is not { } claim || claim.Token != request.Token)
            return released;
        if (request.OnlyIfUncontended && claim.IsContended && claim.LeaseEnds > now)
            return new ReleaseAnswer { Epoch = Epoch, Released = false };

        slot.Claim = null;
        if (request.Failure is { } failure)
        {
            slot.Failure = new StoreSlot.FailureState
            {
                Failure = failure.WithoutException(),
                Token = request.Token,
                BacksOffUntil = now + request.Backoff.Ticks,
                KeptUntil = now + Math.Max(s_failureKept, request.Backoff.Ticks),
            };
        }

        if (request.DueBackoff > TimeSpan.Zero)
            slot.NotDueBefore = now + request.DueBackoff.Ticks;

        _operations.Remember(request.Operation, released, now);
        Requeue(slot, now);
        return released;
    }

    public ChangeAnswer Write(WriteRequest request, long now) => Change(request, now);

    public ChangeAnswer Invalidate(InvalidateRequest request, long now) => Change(request, now);

    public TouchAnswer Touch(IReadOnlyList<KeyActivity> activities, long now)
    {
        foreach (var activity in activities)
        {
            if (!_slots.TryGetValue(activity.Key, out var slot))
                continue;
            slot.WasAskedFor = true;
            slot.ProlongActivity(now + activity.ActiveFor.Ticks);
            Requeue(slot, now);
        }

        return new TouchAnswer { Epoch = Epoch };
    }

    public CheckAnswer Check(IReadOnlyList<string> keys, long now)
    {
        var checks = new TokenCheck[keys.Count];
        for (var i = 0; i < checks.Length; i++)
        {
            if (_slots.TryGetValue(keys[i], out var slot) && slot.HasRecord(now))
                checks[i] = new TokenCheck(slot.Token, slot.Payload is null);
        }

        return new CheckAnswer { Epoch = Epoch, Checks = checks };
    }

    /// <summary>The live claims, for the simulator's checks.</summary>
    public IEnumerable<(string Key, long Token, string Owner, long LeaseEnds)> LiveClaims(long now) =>
        from pair in _slots
        where pair.Value.Claim is { } claim && claim.LeaseEnds > now
        select (pair.Key, pair.Value.Claim!.Token, pair.Value.Claim.Owner, pair.Value.Claim.LeaseEnds);

    /// <summary>Whether a result under this token is accepted.</summary>
    private bool MayCommit(StoreSlot slot, long token, long now) =>
        HoldsLiveClaim(slot, token, now) || (IsOmitted(StoreStep.CheckClaim) && token > slot.Token);

    /// <summary>Whether a claim's lease has not ended.</summary>
    private bool IsLive(StoreSlot.ClaimState claim, long now) => claim.LeaseEnds > now || IsOmitted(StoreStep.EndLease);

    /// <summary>Whether the record is due for its next regeneration.</summary>
    private bool IsDue(StoreSlot slot, long now) => slot.DueAt != 0
        && (slot.DueAt <= now || IsOmitted(StoreStep.WaitForDue)) && (slot.ActiveUntil > now || IsOmitted(StoreStep.EndActivity));

    /// <summary>Finds the first answer to a repeated operation.</summary>
    private bool TryRecall(OperationId operation, out StoreAnswer first)
    {
        first = null!;
        return !IsOmitted(StoreStep.RecallOperation) && _operations.TryRecall(operation, out first);
    }

    private bool IsOmitted(StoreStep step) => Omits is { } omits && omits(step);

    private ChangeAnswer Change(MutationRequest request, long now)
    {
        Purge(now);
        if (TryRecall(request.Operation, out var first))
            return (ChangeAnswer)first;

        var slot = SlotOf(request.Key);
        var answer = ChangeIn(slot, request, now);
        if (IsFinal(request, answer))
            _operations.Remember(request.Operation, answer, now);
        Requeue(slot, now);
        return answer;
    }

    /// <summary>
    /// Whether every repeat must get this answer. A superseded change is final: its first try may still be under way and must not win.
    /// </summary>
    private static bool IsFinal(MutationRequest request, ChangeAnswer answer) =>
        answer.Accepted || request is WriteRequest or InvalidateRequest;

    /// <summary>
    /// Whether a delayed change still counts: no claim or change came after it was asked for. Tokens come from the store's clock.
    /// </summary>
    private static bool IsNewer(StoreSlot slot, long observed, TimeSpan askedAgo, long now) =>
        slot.Token <= Math.Max(observed, (now - askedAgo.Ticks) / TicksPerMicrosecond);

    private ChangeAnswer ChangeIn(StoreSlot slot, MutationRequest request, long now)
    {
        switch (request)
        {
            case CommitRequest commit when (commit.ClaimEpoch.Length == 0 || commit.ClaimEpoch == Epoch)
                && MayCommit(slot, commit.Token, now):
                Debug.Assert(commit.Token > slot.Token, "a claim is newer than what it may replace");
                slot.Schedule(commit.Schedule, now, keepGrid: true);
                slot.Accept(Kept(commit.Payload), commit.Token, now + commit.Schedule.FreshFor.Ticks);
                return Accepted(slot, now);

            case WriteRequest write when !write.IsRetry || IsNewer(slot, write.ObservedToken, write.AskedAgo, now):
                slot.Schedule(write.Schedule, now, keepGrid: false);
                slot.Accept(Kept(write.Payload), NextToken(slot, now), now + write.Schedule.FreshFor.Ticks);
                return Accepted(slot, now);

            case InvalidateRequest invalidate when !invalidate.IsRetry || IsNewer(slot, invalidate.ObservedToken, invalidate.AskedAgo, now):
                slot.EndSchedule();
                slot.Accept(null, NextToken(slot, now), now + invalidate.TombstoneFor.Ticks);
                return Accepted(slot, now);

            default:
                return new ChangeAnswer { Epoch = Epoch, Accepted = false, Token = slot.Token };
        }
    }

    private ClaimAnswer Decide(StoreSlot slot, ClaimRequest request, long now)
    {
        if (request.ActiveFor > TimeSpan.Zero)
            slot.NoteReaders(request.ActiveFor.Ticks, now);

        // A fresh value answers a miss even if the last run for the next one failed.
        var answersMiss = request.Reason == ClaimReason.Miss && slot.IsFresh(now) && slot.Token >= request.ObservedToken;
        if (answersMiss && !IsOmitted(StoreStep.FreshBeforeFailure))
            return Fresh(slot, now);

        if (FailureFor(slot, request, now) is { } backingOff)
            return backingOff;

        switch (request.Reason)
        {
            case ClaimReason.Miss when answersMiss:
            case ClaimReason.Refresh when slot.IsFresh(now) && request.ObservedToken != 0 && slot.Token > request.ObservedToken:
                return Fresh(slot, now);

            case ClaimReason.Due when slot.HasRecord(now)
                ? !IsDue(slot, now)
                : request.ActiveFor <= TimeSpan.Zero && slot.ActiveUntil <= now:
                return Fresh(slot, now);
        }

        if (slot.Claim is { } standing && IsLive(standing, now))
        {
            var mayBeStolen = request.StealFrom == standing.Owner && now >= standing.SafeUntil;
            if (!mayBeStolen)
            {
                if (standing.Owner != request.Owner && request.Reason != ClaimReason.Due)
                    standing.IsContended = true;
                return new ClaimAnswer
                {
                    Epoch = Epoch,
                    Outcome = ClaimOutcome.Held,
                    Token = standing.Token,
                    Owner = standing.Owner,
                    Remaining = TimeSpan.FromTicks(standing.LeaseEnds - now),
                };
            }
        }

        var stolen = slot.Claim is { } old && IsLive(old, now);
        slot.Claim = new StoreSlot.ClaimState
        {
            Owner = request.Owner,
            Token = NextToken(slot, now),
            LeaseEnds = now + request.Lease.Ticks,
            SafeUntil = stolen ? now + request.Lease.Ticks : now,
        };
        return new ClaimAnswer { Epoch = Epoch, Outcome = ClaimOutcome.Granted, Token = slot.Claim.Token };
    }

    private ClaimAnswer? FailureFor(StoreSlot slot, ClaimRequest request, long now)
    {
        if (request.Reason == ClaimReason.Due)
        {
            return slot.NotDueBefore <= now ? null : new ClaimAnswer
            {
                Epoch = Epoch,
                Outcome = ClaimOutcome.BackingOff,
                Remaining = TimeSpan.FromTicks(slot.NotDueBefore - now),
            };
        }

        if (slot.Failure is not { } failed || failed.KeptUntil <= now)
            return null;

        // Callers that waited for this run share its failure. A refresh shares it only if the run began after its call.
        var awaited = request.AwaitedToken != 0 && failed.Token >= request.AwaitedToken
            && (request.Reason != ClaimReason.Refresh || failed.Token > request.ObservedToken);
        var until = request.Reason == ClaimReason.Miss ? failed.BacksOffUntil : 0;
        if (!awaited && until <= now)
            return null;

        return new ClaimAnswer
        {
            Epoch = Epoch,
            Outcome = ClaimOutcome.BackingOff,
            Token = failed.Token,
            Failure = failed.Failure,
            Remaining = TimeSpan.FromTicks(Math.Max(0, until - now)),
        };
    }

    private ClaimAnswer Fresh(StoreSlot slot, long now) =>
        new() { Epoch = Epoch, Outcome = ClaimOutcome.Fresh, Record = slot.Snapshot(now) };

    private ChangeAnswer Accepted(StoreSlot slot, long now) => new()
    {
        Epoch = Epoch,
        Accepted = true,
        Token = slot.Token,
        DueIn = slot.DueAt == 0 ? null : TimeSpan.FromTicks(slot.DueAt - now),
        ActiveFor = TimeSpan.FromTicks(slot.ActiveUntil - now),
    };

    private bool HoldsLiveClaim(StoreSlot slot, long token, long now) =>
        slot.Claim is { } claim && claim.Token == token && IsLive(claim, now);

    private CachePayload Kept(CachePayload payload) =>
        _storesObjects || payload.Bytes is not { } bytes ? payload : CachePayload.FromBytes(bytes);

    private static long NextToken(StoreSlot slot, long now) =>
        slot.NewestToken = Math.Max(slot.NewestToken + 1, now / TicksPerMicrosecond);

    private StoreSlot SlotOf(string key)
    {
        if (!_slots.TryGetValue(key, out var slot))
            _slots.Add(key, slot = new StoreSlot(key));
        return slot;
    }

    /// <summary>Each slot is in the expiry queue once, at or before the time at which it can be removed.</summary>
    private void Requeue(StoreSlot slot, long now)
    {
        Weigh(slot, now);
        if (slot.IsQueued)
            return;
        slot.IsQueued = true;
        _expiry.Enqueue(slot, Math.Max(slot.NeededUntil, now));
    }

    /// <summary>Removes expired slots of a store that is not called for long.</summary>
    /// <param name="now">The time.</param>
    /// <param name="most">The most slots to remove.</param>
    public void Purge(long now, int most)
    {
        for (var i = 0; i < most && (_expiry.TryPeek(out _, out var at) && at < now); i += 4)
            Purge(now);
        _operations.ForgetAll(now);
    }

    /// <summary>Removes expired slots: a few in each call, more than a call can add.</summary>
    private void Purge(long now)
    {
        _operations.Forget(now);
        for (var i = 0; i < 4 && _expiry.TryPeek(out var slot, out var at) && at < now; i++)
        {
            _expiry.Dequeue();
            var needed = slot.NeededUntil;
            if (needed > now)
            {
                _expiry.Enqueue(slot, needed);
                continue;
            }

            slot.IsQueued = false;
            if (slot.Weight != 0)
                SetWeight(slot, 0);
            _slots.Remove(slot.Key);
        }
    }
}
