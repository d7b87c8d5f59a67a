using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Storage;

/// <summary>A slot's state for its handoff to another machine.</summary>
internal sealed partial class StoreSlot
{
    public HandoffSlot Export(long now) => new()
    {
        Key = Key,
        Payload = HasRecord(now) ? Payload : null,
        Token = Token,
        NewestToken = NewestToken,
        EndsIn = HasRecord(now) ? TimeSpan.FromTicks(_recordEnds - now) : null,
        Interval = TimeSpan.FromTicks(_interval),
        DueIn = DueAt == 0 ? null : TimeSpan.FromTicks(DueAt - now),
        ActiveFor = TimeSpan.FromTicks(Math.Max(0, ActiveUntil - now)),
        DueBackoff = TimeSpan.FromTicks(Math.Max(0, NotDueBefore - now)),
        Claim = Claim is { } claim && claim.LeaseEnds > now
            ? new HandoffClaim(
                claim.Owner,
                claim.Token,
                TimeSpan.FromTicks(claim.LeaseEnds - now),
                TimeSpan.FromTicks(Math.Max(0, claim.SafeUntil - now)),
                claim.IsContended)
            : null,
        Failure = Failure is { } failed && failed.KeptUntil > now
            ? new HandoffFailure(
                failed.Failure,
                failed.Token,
                TimeSpan.FromTicks(Math.Max(0, failed.BacksOffUntil - now)),
                TimeSpan.FromTicks(failed.KeptUntil - now))
            : null,
    };

    /// <summary>The token of a record of an earlier epoch; 0: there is none.</summary>
    private long _restoredToken;

    public bool Restore(RecoveryRecord kept, CachePayload payload, long now)
    {
        // Tokens of another epoch do not compare with those given out in this one, whose clock may be behind.
        var isUntouched = Claim is null && Failure is null && NewestToken == _restoredToken;
        if (!isUntouched || kept.Token <= Token)
        {
            // The same record from another node, which may know of more readers.
            if (isUntouched && kept.Token == Token)
                ProlongActivity(now + kept.ActiveFor.Ticks);
            return false;
        }

        Payload = payload;
        Token = NewestToken = _restoredToken = kept.Token;
        _recordEnds = now + kept.FreshFor.Ticks;
        _interval = kept.Interval.Ticks;
        DueAt = kept.DueIn is { } due ? Math.Max(1, now + due.Ticks) : 0;
        ActiveUntil = now + kept.ActiveFor.Ticks;
        return true;
    }

    public void Import(HandoffSlot moved, long now)
    {
        Payload = moved.Payload;
        Token = moved.Token;
        NewestToken = moved.NewestToken;
        _recordEnds = moved.EndsIn is { } ends ? now + ends.Ticks : 0;
        _interval = moved.Interval.Ticks;

        // 0 means that nothing is scheduled, and a machine's clock may be near 0 in tests.
        DueAt = moved.DueIn is { } due ? Math.Max(1, now + due.Ticks) : 0;
        ActiveUntil = now + moved.ActiveFor.Ticks;
        NotDueBefore = now + moved.DueBackoff.Ticks;
        Claim = moved.Claim is not { } claim ? null : new ClaimState
        {
            Owner = claim.Owner,
            Token = claim.Token,
            LeaseEnds = now + claim.EndsIn.Ticks,
            SafeUntil = now + claim.SafeFor.Ticks,
            IsContended = claim.IsContended,
        };
        Failure = moved.Failure is not { } failed ? null : new FailureState
        {
            Failure = failed.Failure,
            Token = failed.Token,
            BacksOffUntil = now + failed.Backoff.Ticks,
            KeptUntil = now + failed.KeptFor.Ticks,
        };
    }
}
