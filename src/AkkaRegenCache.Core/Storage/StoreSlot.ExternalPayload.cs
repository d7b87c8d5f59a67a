namespace AkkaRegenCache.Storage;

/// <summary>What a record is, apart from its value. Times are ticks of the store's clock.</summary>
/// <param name="Token">Its token.</param>
/// <param name="IsRemoved">Whether it is a tombstone.</param>
/// <param name="EndsAt">When the value, or the tombstone, ends.</param>
/// <param name="DueAt">The next target; 0: nothing is scheduled.</param>
/// <param name="Interval">The schedule's interval.</param>
/// <param name="ActiveUntil">Until when the key is active.</param>
internal readonly record struct RecordFacts(
    long Token, bool IsRemoved, long EndsAt, long DueAt, long Interval, long ActiveUntil);

/// <summary>The part of a slot that a store needs which keeps its values elsewhere, where others may change them.</summary>
internal sealed partial class StoreSlot
{
    /// <summary>Stands in a slot for a value that is kept elsewhere.</summary>
    public static readonly CachePayload Elsewhere = CachePayload.FromBytes(default);

    public bool IsElsewhere => ReferenceEquals(Payload, Elsewhere);

    /// <summary>A change of which it isn't known whether it was stored.</summary>
    public PreparedWrite? Doubtful { get; set; }

    /// <summary>
    /// Until when it is remembered what was found elsewhere, also where that has ended: a claim must not be granted on less than was found, or
    /// finding it again would look like a change that ends the claim.
    /// </summary>
    public long KnownUntil { get; set; }

    public RecordFacts Facts => new(Token, Payload is null, _recordEnds, DueAt, _interval, ActiveUntil);

    public StoreSlot Copy() => (StoreSlot)MemberwiseClone();

    /// <summary>Takes everything over from a copy that was changed.</summary>
    public void Become(StoreSlot changed)
    {
        Payload = changed.Payload;
        Token = changed.Token;
        NewestToken = Math.Max(NewestToken, changed.NewestToken);
        _recordEnds = changed._recordEnds;
        _interval = changed._interval;
        DueAt = changed.DueAt;
        ActiveUntil = changed.ActiveUntil;
        NotDueBefore = changed.NotDueBefore;
        Claim = changed.Claim;
        Failure = changed.Failure;
        Doubtful = null;
    }

    public void KeepElsewhere()
    {
        if (Payload is not null)
            Payload = Elsewhere;
    }

    /// <summary>
    /// Takes in a record that is stored elsewhere. A newer one than was known is somebody else's change: it ends the claim, as every change
    /// does. What this process knows of the key's readers stays true.
    /// </summary>
    public void Learn(in RecordFacts facts)
    {
        var payload = facts.IsRemoved ? null : Elsewhere;
        var isLost = _recordEnds == 0;
        if (facts.Token > Token)
        {
            Accept(payload, facts.Token, facts.EndsAt);
            Doubtful = null;
        }
        else if (isLost)
        {
            Payload = payload;
            _recordEnds = facts.EndsAt;
        }
        else
        {
            // Known already, and more exactly than times can tell that went through another clock.
            ProlongActivity(facts.ActiveUntil);
            return;
        }

        _interval = facts.Interval;
        DueAt = facts.IsRemoved ? 0 : facts.DueAt;
        ActiveUntil = facts.IsRemoved ? 0 : Math.Max(ActiveUntil, facts.ActiveUntil);
    }

    /// <summary>Knows of a newer record that can't be read; the schedule, which it may have too, goes on.</summary>
    public void LearnUnreadable(long token)
    {
        Accept(Elsewhere, token, 0);
        Doubtful = null;
    }

    /// <summary>The value is gone from where it was kept. Schedule, claim and token stay.</summary>
    public void LoseValue()
    {
        Payload = Elsewhere;
        _recordEnds = 0;
    }
}
