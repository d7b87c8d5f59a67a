namespace AkkaRegenCache.Storage;

/// <summary>A record without its value. Times are ticks of the store's clock.</summary>
/// <param name="Token">Its token.</param>
/// <param name="IsRemoved">Whether it is a tombstone.</param>
/// <param name="EndsAt">When the value, or the tombstone, ends.</param>
/// <param name="DueAt">The next target; 0: nothing is scheduled.</param>
/// <param name="Interval">The schedule's interval.</param>
/// <param name="ActiveUntil">Until when the key is active.</param>
internal readonly record struct RecordFacts(
    long Token, bool IsRemoved, long EndsAt, long DueAt, long Interval, long ActiveUntil);

/// <summary>The external payload of a slot, for a store that keeps its values where other processes may change them.</summary>
internal sealed partial class StoreSlot
{
    /// <summary>The placeholder for a value that is stored externally.</summary>
    public static readonly CachePayload ExternalValue = CachePayload.FromBytes(default);

    public bool IsExternal => ReferenceEquals(Payload, ExternalValue);

    /// <summary>A prepared write with an unknown outcome.</summary>
    public PreparedWrite? Unsettled { get; set; }

    /// <summary>
    /// Until when the last external record is remembered, even if it has expired. A claim must not be granted on less than was found, or
    /// finding it again would look like a change that ends the claim.
    /// </summary>
    public long KnownUntil { get; set; }

    public RecordFacts Facts => new(Token, Payload is null, _recordEnds, DueAt, _interval, ActiveUntil);

    public StoreSlot Copy() => (StoreSlot)MemberwiseClone();

    /// <summary>Takes over everything from a changed copy.</summary>
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
        Unsettled = null;
    }

    public void KeepExternally()
    {
        if (Payload is not null)
            Payload = ExternalValue;
    }

    /// <summary>
    /// Takes in a record that is stored externally. A newer one than the known one is another process's change, so it ends the claim, as
    /// every change does. The activity that this process knows stays.
    /// </summary>
    public void Learn(in RecordFacts facts)
    {
        var payload = facts.IsRemoved ? null : ExternalValue;
        var isLost = _recordEnds == 0;
        if (facts.Token > Token)
        {
            Accept(payload, facts.Token, facts.EndsAt);
            Unsettled = null;
        }
        else if (isLost)
        {
            Payload = payload;
            _recordEnds = facts.EndsAt;
        }
        else
        {
            // The record is known already, with times that are more exact than those that went through another clock.
            ProlongActivity(facts.ActiveUntil);
            return;
        }

        _interval = facts.Interval;
        DueAt = facts.IsRemoved ? 0 : facts.DueAt;
        ActiveUntil = facts.IsRemoved ? 0 : Math.Max(ActiveUntil, facts.ActiveUntil);
    }

    /// <summary>A newer record can't be read. The schedule goes on, which the record may have, too.</summary>
    public void LearnUnreadable(long token)
    {
        Accept(ExternalValue, token, 0);
        Unsettled = null;
    }

    /// <summary>The external value is gone. Schedule, claim and token stay.</summary>
    public void LoseValue()
    {
        Payload = ExternalValue;
        _recordEnds = 0;
    }
}
