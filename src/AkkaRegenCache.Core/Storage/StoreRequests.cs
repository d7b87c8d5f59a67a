namespace AkkaRegenCache.Storage;

/// <summary>Why a node wants to generate.</summary>
public enum ClaimReason
{
    /// <summary>Nothing fresh is known: whoever asks first may generate.</summary>
    Miss,

    /// <summary>The schedule says so: granted only if the record's due time has come and the key is active.</summary>
    Due,

    /// <summary>Somebody wants a value made after now: only a result newer than any claim that stood at the call counts.</summary>
    Refresh,
}

/// <summary>A request to an external store about one key.</summary>
public abstract record StoreRequest
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }
}

/// <summary>Asks for the record of a key.</summary>
public sealed record ReadRequest : StoreRequest;

/// <summary>A request that changes something: a repeat with the same <see cref="Operation"/> gets the first answer.</summary>
public abstract record MutationRequest : StoreRequest
{
    /// <summary>Names the mutation.</summary>
    public required OperationId Operation { get; init; }
}

/// <summary>Asks for the right to generate a key.</summary>
public sealed record ClaimRequest : MutationRequest
{
    /// <summary>The node incarnation that asks.</summary>
    public required string Owner { get; init; }

    /// <summary>For how long the claim holds without renewal.</summary>
    public required TimeSpan Lease { get; init; }

    /// <summary>Why.</summary>
    public ClaimReason Reason { get; init; }

    /// <summary>
    /// The newest token the asking node knows. <see cref="ClaimReason.Miss"/>: an older record is not fresh.
    /// <see cref="ClaimReason.Refresh"/>: only a newer record is.
    /// </summary>
    public long ObservedToken { get; init; }

    /// <summary>The token of the claim whose outcome the asking node has waited for; its failure, where it failed, is the answer. 0: none.</summary>
    public long AwaitedToken { get; init; }

    /// <summary>For how much longer the key is active by what the asking node has read of it.</summary>
    public TimeSpan ActiveFor { get; init; }

    /// <summary>An owner believed dead, whose claim may be taken over before its lease ends; a stolen claim is not stolen again within its first lease.</summary>
    public string? StealFrom { get; init; }
}

/// <summary>Offers the result of a generation.</summary>
public sealed record CommitRequest : MutationRequest
{
    /// <summary>The token of the claim under which it was made.</summary>
    public required long Token { get; init; }

    /// <summary>
    /// The store's epoch in which the claim was granted. A store that lost its last second may give out the same token again, for another claim: in
    /// another epoch the commit is superseded. Empty: not checked.
    /// </summary>
    public string ClaimEpoch { get; init; } = "";

    /// <summary>The value.</summary>
    public required CachePayload Payload { get; init; }

    /// <summary>How it shall live.</summary>
    public required StoreSchedule Schedule { get; init; }

    /// <summary>What a store that announces tells the other nodes, in the same step; null: it tells nothing.</summary>
    public CommitAnnouncement? Announcement { get; init; }
}

/// <summary>
/// Lets a store tell the other nodes what became of a commit: an accepted one is a <see cref="Notifications.NotificationKind.Fresh"/>, a superseded one
/// a <see cref="Notifications.NotificationKind.Released"/> of its claim.
/// </summary>
/// <param name="Publisher">The node incarnation that commits.</param>
/// <param name="Sequence">The notification's number. A repeat of the commit is not told again.</param>
/// <param name="WithValue">Whether the value travels along.</param>
public sealed record CommitAnnouncement(string Publisher, long Sequence, bool WithValue);

/// <summary>Ends a claim without a result.</summary>
public sealed record ReleaseRequest : MutationRequest
{
    /// <summary>The claim's token.</summary>
    public required long Token { get; init; }

    /// <summary>Why the generation failed; null where it did not.</summary>
    public GenerationFailure? Failure { get; init; }

    /// <summary>For how long <see cref="ClaimReason.Miss"/> claims get that failure as their answer; those who waited for this claim do so anyway.</summary>
    public TimeSpan Backoff { get; init; }

    /// <summary>For how long <see cref="ClaimReason.Due"/> claims are told to back off, with a failure or without.</summary>
    public TimeSpan DueBackoff { get; init; }

    /// <summary>Release only if no other node was told to wait for this claim.</summary>
    public bool OnlyIfUncontended { get; init; }
}

/// <summary>Sets a value.</summary>
public sealed record WriteRequest : MutationRequest
{
    /// <summary>The value.</summary>
    public required CachePayload Payload { get; init; }

    /// <summary>How it shall live.</summary>
    public required StoreSchedule Schedule { get; init; }

    /// <summary>The newest token the asking node knew when the set was asked for.</summary>
    public long ObservedToken { get; init; }

    /// <summary>
    /// Whether this is not the first try, or it has waited: then it loses to anything newer than both <see cref="ObservedToken"/> and the time at
    /// which it was asked for.
    /// </summary>
    public bool IsRetry { get; init; }

    /// <summary>How long ago it was asked for. The store, whose clock the tokens come from, knows what was accepted since.</summary>
    public TimeSpan AskedAgo { get; init; }
}

/// <summary>Removes a key.</summary>
public sealed record InvalidateRequest : MutationRequest
{
    /// <inheritdoc cref="WriteRequest.ObservedToken"/>
    public long ObservedToken { get; init; }

    /// <inheritdoc cref="WriteRequest.IsRetry"/>
    public bool IsRetry { get; init; }

    /// <summary>How long ago it was asked for.</summary>
    public TimeSpan AskedAgo { get; init; }

    /// <summary>How long the tombstone is kept: for as long as a generation may last.</summary>
    public required TimeSpan TombstoneFor { get; init; }
}

/// <summary>A claim that is to be renewed.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">The claim's token.</param>
public readonly record struct HeldClaim(string Key, long Token);

/// <summary>Tells how much longer a key is active by what a node has read of it.</summary>
/// <param name="Key">The key.</param>
/// <param name="ActiveFor">From now.</param>
public readonly record struct KeyActivity(string Key, TimeSpan ActiveFor);
