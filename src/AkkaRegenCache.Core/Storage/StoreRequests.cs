namespace AkkaRegenCache.Storage;

/// <summary>The reason of a claim.</summary>
public enum ClaimReason
{
    /// <summary>No fresh record is known: the first node to ask may generate.</summary>
    Miss,

    /// <summary>The key is scheduled: granted only if the record's due time has come and the key is active.</summary>
    Due,

    /// <summary>
    /// A caller wants a value that is made after its call: only a result newer than any claim that stood at the call counts.
    /// </summary>
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

    /// <summary>The reason of the claim.</summary>
    public ClaimReason Reason { get; init; }

    /// <summary>
    /// The newest token the asking node knows. <see cref="ClaimReason.Miss"/>: an older record is not fresh.
    /// <see cref="ClaimReason.Refresh"/>: only a newer record is.
    /// </summary>
    public long ObservedToken { get; init; }

    /// <summary>
    /// The token of the claim whose outcome the asking node has waited for. If that claim failed, its failure is the answer. 0: none.
    /// </summary>
    public long AwaitedToken { get; init; }

    /// <summary>How much longer the key is active by the reads of the asking node.</summary>
    public TimeSpan ActiveFor { get; init; }

    /// <summary>
    /// An owner believed dead, whose claim may be stolen before its lease ends. A stolen claim can't be stolen again within its first
    /// lease.
    /// </summary>
    public string? StealFrom { get; init; }
}

/// <summary>Offers the result of a generation.</summary>
public sealed record CommitRequest : MutationRequest
{
    /// <summary>The token of the claim under which it was made.</summary>
    public required long Token { get; init; }

    /// <summary>
    /// The store's epoch in which the claim was granted. In another epoch the commit is superseded, because a store that lost its last
    /// second may give out the same token again for another claim. Empty: not checked.
    /// </summary>
    public string ClaimEpoch { get; init; } = "";

    /// <summary>The value.</summary>
    public required CachePayload Payload { get; init; }

    /// <summary>Its schedule.</summary>
    public required StoreSchedule Schedule { get; init; }

    /// <summary>The announcement to the other nodes, if the store announces commits; null: none.</summary>
    public CommitAnnouncement? Announcement { get; init; }
}

/// <summary>
/// Lets a store announce the outcome of a commit to the other nodes: an accepted one as <see cref="Notifications.NotificationKind.Fresh"/>,
/// a superseded one as <see cref="Notifications.NotificationKind.Released"/> of its claim.
/// </summary>
/// <param name="Publisher">The node incarnation that commits.</param>
/// <param name="Sequence">The notification's number. A repeat of the commit is not announced again.</param>
/// <param name="WithValue">Whether the notification contains the value.</param>
public sealed record CommitAnnouncement(string Publisher, long Sequence, bool WithValue);

/// <summary>Ends a claim without a result.</summary>
public sealed record ReleaseRequest : MutationRequest
{
    /// <summary>The claim's token.</summary>
    public required long Token { get; init; }

    /// <summary>Why the generation failed; null where it did not.</summary>
    public GenerationFailure? Failure { get; init; }

    /// <summary>
    /// How long <see cref="ClaimReason.Miss"/> claims get that failure as their answer. Nodes that waited for this claim get it in any
    /// case.
    /// </summary>
    public TimeSpan Backoff { get; init; }

    /// <summary>How long <see cref="ClaimReason.Due"/> claims are answered with backing off, after a failure or without one.</summary>
    public TimeSpan DueBackoff { get; init; }

    /// <summary>Release only if no other node was told to wait for this claim.</summary>
    public bool OnlyIfUncontended { get; init; }
}

/// <summary>Sets a value.</summary>
public sealed record WriteRequest : MutationRequest
{
    /// <summary>The value.</summary>
    public required CachePayload Payload { get; init; }

    /// <summary>Its schedule.</summary>
    public required StoreSchedule Schedule { get; init; }

    /// <summary>The newest token the asking node knew when the set was asked for.</summary>
    public long ObservedToken { get; init; }

    /// <summary>
    /// Whether this is a repeated or delayed try. It is superseded by anything newer than both <see cref="ObservedToken"/> and the time at
    /// which it was asked for.
    /// </summary>
    public bool IsRetry { get; init; }

    /// <summary>How long ago it was asked for. The store knows what it has accepted since, as the tokens come from its clock.</summary>
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

    /// <summary>How long the tombstone is kept: as long as a generation may last.</summary>
    public required TimeSpan TombstoneFor { get; init; }
}

/// <summary>A claim to renew.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">The claim's token.</param>
public readonly record struct HeldClaim(string Key, long Token);

/// <summary>How much longer a key is active by the reads of a node.</summary>
/// <param name="Key">The key.</param>
/// <param name="ActiveFor">From now.</param>
public readonly record struct KeyActivity(string Key, TimeSpan ActiveFor);
