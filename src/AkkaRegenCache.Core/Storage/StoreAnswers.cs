namespace AkkaRegenCache.Storage;

/// <summary>An answer of an external store.</summary>
public abstract class StoreAnswer
{
    /// <summary>
    /// The store's epoch: it changes when the store may have lost or turned back what it had accepted (a restart, a flush, a failover).
    /// Tokens are comparable within one epoch only.
    /// </summary>
    public required string Epoch { get; init; }
}

/// <summary>The answer to a <see cref="ReadRequest"/>.</summary>
public sealed class ReadAnswer : StoreAnswer
{
    /// <summary>The record, which may be a tombstone; null: nothing is there.</summary>
    public StoreRecord? Record { get; init; }
}

/// <summary>What a claim got.</summary>
public enum ClaimOutcome
{
    /// <summary>The right to generate, under <see cref="ClaimAnswer.Token"/>.</summary>
    Granted,

    /// <summary>Another claim is live.</summary>
    Held,

    /// <summary>
    /// No run is needed: <see cref="ClaimAnswer.Record"/> can be used. For <see cref="ClaimReason.Due"/> also: the key is not due, is
    /// inactive (then there may be no record), or was removed.
    /// </summary>
    Fresh,

    /// <summary>The last generation failed; <see cref="ClaimAnswer.Failure"/> is the answer for now.</summary>
    BackingOff,
}

/// <summary>The answer to a <see cref="ClaimRequest"/>.</summary>
public sealed class ClaimAnswer : StoreAnswer
{
    /// <summary>What the claim got.</summary>
    public required ClaimOutcome Outcome { get; init; }

    /// <summary>
    /// Granted: the claim's fencing token. Held: the token of the claim that stands. BackingOff: the token of the one that failed.
    /// </summary>
    public long Token { get; init; }

    /// <summary>Held: the node incarnation that holds the claim.</summary>
    public string? Owner { get; init; }

    /// <summary>Held: the time until its lease ends. BackingOff: the time until the next claim is considered.</summary>
    public TimeSpan Remaining { get; init; }

    /// <summary>Fresh: the record.</summary>
    public StoreRecord? Record { get; init; }

    /// <summary>BackingOff: the failure. Null for <see cref="ClaimReason.Due"/>.</summary>
    public GenerationFailure? Failure { get; init; }
}

/// <summary>What became of a claim that was to be renewed.</summary>
public enum RenewOutcome
{
    /// <summary>It is renewed.</summary>
    Held,

    /// <summary>It is gone: its result must not be committed.</summary>
    Lost,

    /// <summary>Its server did not answer, although others did. The claim holds for as long as it was known to.</summary>
    Unknown,
}

/// <summary>The answer to a renewal, in the order of the claims.</summary>
public sealed class RenewAnswer : StoreAnswer
{
    /// <summary>One for each claim.</summary>
    public required IReadOnlyList<RenewOutcome> Outcomes { get; init; }
}

/// <summary>The answer to a <see cref="CommitRequest"/>, a <see cref="WriteRequest"/> or an <see cref="InvalidateRequest"/>.</summary>
public sealed class ChangeAnswer : StoreAnswer
{
    /// <summary>Whether it was done; false: superseded.</summary>
    public required bool Accepted { get; init; }

    /// <summary>The fencing token that counts now: the change's own if it was accepted; otherwise the newest known.</summary>
    public required long Token { get; init; }

    /// <summary>Time until the next regeneration is due; null where none is scheduled.</summary>
    public TimeSpan? DueIn { get; init; }

    /// <summary>How much longer the key stays active with no further read.</summary>
    public TimeSpan ActiveFor { get; init; }
}

/// <summary>The answer to a <see cref="ReleaseRequest"/>.</summary>
public sealed class ReleaseAnswer : StoreAnswer
{
    /// <summary>False if it was to be released only if uncontended, and another node waits for it.</summary>
    public required bool Released { get; init; }
}

/// <summary>The answer to a touch: it has no content but the store's epoch.</summary>
public sealed class TouchAnswer : StoreAnswer;

/// <summary>What a store holds of one key, without the value.</summary>
/// <param name="Token">The record's or tombstone's token; 0: nothing is there.</param>
/// <param name="IsRemoved">Whether it is a tombstone.</param>
public readonly record struct TokenCheck(long Token, bool IsRemoved)
{
    /// <summary>
    /// The answer for a key whose server does not answer although others do: nothing follows from it. If no server answers, the check
    /// fails.
    /// </summary>
    public static TokenCheck Unknown { get; } = new(-1, false);

    /// <summary>Whether the store could not tell.</summary>
    public bool IsUnknown => Token < 0;
}

/// <summary>The answer to a check, in the order of the keys.</summary>
public sealed class CheckAnswer : StoreAnswer
{
    /// <summary>One for each key.</summary>
    public required IReadOnlyList<TokenCheck> Checks { get; init; }
}
