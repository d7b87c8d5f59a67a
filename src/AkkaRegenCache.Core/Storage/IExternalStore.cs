using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The shared second level, which arbitrates: a generated value is accepted only by <see cref="CommitAsync"/> under a live claim, with the
/// fencing token that the claim gave out.
/// </summary>
/// <remarks>
/// <para>
/// <b>Whom this is for.</b> The cache's own stores, and stores that decide where the data is, as Redis does with scripts: it takes all the
/// rules of claims, tokens and schedules. Over a database that can compare and set there is a smaller port,
/// <see cref="ICompareAndSetStore"/>, which is all that a store of one's own needs. Requests, answers and this interface are public for
/// those who use or decorate a store, and may grow.
/// </para>
/// <para>
/// Every operation on a key is atomic, and operations on one key are linearizable. Members may be called from any number of threads.
/// An operation that can't be done throws (any exception); its outcome is then unknown to the caller, who repeats it with the same
/// <see cref="OperationId"/> where it matters. A first answer is remembered for at least ten seconds.
/// </para>
/// <para>
/// Fencing tokens are 64-bit, strictly increasing per key within one epoch of the store:
/// max(newest known of the key + 1, the store's clock in microseconds).
/// </para>
/// </remarks>
public interface IExternalStore
{
    /// <summary>Whether the store keeps the objects themselves, so that values need not be serialized.</summary>
    bool StoresObjects { get; }

    /// <summary>
    /// The number of partitions of the store, which fail and begin epochs on their own: tokens and epochs compare within one partition
    /// only. Default: 1.
    /// </summary>
    int Partitions => 1;

    /// <summary>The partition that holds a key: the same on every node.</summary>
    /// <param name="key">The key.</param>
    /// <returns>From 0 to below <see cref="Partitions"/>. Default: 0.</returns>
    int PartitionOf(string key) => 0;

    /// <summary>The store of one cache: caches of different names never share a record.</summary>
    /// <param name="cacheName">The cache's name.</param>
    /// <returns>The same store for the same name.</returns>
    IExternalStore ForCache(string cacheName);

    /// <summary>Reads the record of a key.</summary>
    /// <param name="request">Which key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The record, a tombstone or nothing.</returns>
    ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default);

    /// <summary>Asks for the right to generate a key.</summary>
    /// <param name="request">Who asks, and why.</param>
    /// <param name="cancellationToken">
    /// The caller does not wait any more. A claim that is not sent yet need not be sent. One that was sent should be left to finish, within
    /// its lease: a claim that is granted late is released, and one that no node knows blocks its key for the lease.
    /// </param>
    /// <returns>The claim, or why there is none.</returns>
    ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default);

    /// <summary>Renews claims, in one batch per node.</summary>
    /// <param name="claims">The claims.</param>
    /// <param name="lease">For how long each holds from now.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>For each: held, lost, or unknown.</returns>
    ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>
    /// Commits the result of a generation. It is accepted only while the claim with this token is live, and ends the claim.
    /// </summary>
    /// <param name="request">The result.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Accepted, or superseded.</returns>
    ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Whether the store can announce a commit to a cache's other nodes by itself (<see cref="CommitRequest.Announcement"/>): in the step
    /// in which it accepts the commit, on the channel of this bus, and in the order in which commits and notifications are sent. Asked
    /// before each commit. It saves a message for each regeneration. Default: false.
    /// </summary>
    /// <param name="bus">The bus of the cache's notifications.</param>
    bool AnnouncesOn(INotificationBus bus) => false;

    /// <summary>Ends a claim without a result, and records the failure for waiting nodes and the next claim.</summary>
    /// <param name="request">Which claim, and the failure.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it was released.</returns>
    ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default);

    /// <summary>Sets a value: gives it a new token, ends any claim, starts the schedule again. A first try always wins.</summary>
    /// <param name="request">The value.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Accepted, or superseded by something newer than what the caller knew.</returns>
    ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default);

    /// <summary>Removes a key: leaves a tombstone with a new token, ends any claim and the schedule.</summary>
    /// <param name="request">Which key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The tombstone's token.</returns>
    ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default);

    /// <summary>Prolongs the activity of keys that were read. Never shortens it; keys that the store does not hold are ignored.</summary>
    /// <param name="activities">The keys.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The store's epoch.</returns>
    ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default);

    /// <summary>Reads the tokens of keys, in one batch.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A token for each; <see cref="TokenCheck.Unknown"/> if a key's server does not answer although others do.</returns>
    ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default);
}
