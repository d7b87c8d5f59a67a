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
    /// In how many parts the store is divided that fail and begin new lives on their own: tokens and lives compare within a part only. Default: 1.
    /// </summary>
    int Partitions => 1;

    /// <summary>The part that holds a key: the same on every node.</summary>
    /// <param name="key">The key.</param>
    /// <returns>From 0 to below <see cref="Partitions"/>. Default: 0.</returns>
    int PartitionOf(string key) => 0;

    /// <summary>The partition of the store that belongs to a cache: caches of different names never meet in one store.</summary>
    /// <param name="cacheName">The cache's name.</param>
    /// <returns>The same part for the same name.</returns>
    IExternalStore ForCache(string cacheName);

    /// <summary>Reads the record of a key.</summary>
    /// <param name="request">Which key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The record, a tombstone or nothing.</returns>
    ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default);

    /// <summary>Asks for the right to generate a key.</summary>
    /// <param name="request">Who asks, and why.</param>
    /// <param name="cancellationToken">
    /// Says that nobody waits any more. A claim that isn't sent yet needn't be; one that is sent is best let come to its answer, within its lease: a claim that is
    /// granted late is given back, and one that nobody knows of blocks its key for the lease.
    /// </param>
    /// <returns>The claim, or why there is none.</returns>
    ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default);

    /// <summary>Renews claims, in one batch per node.</summary>
    /// <param name="claims">The claims.</param>
    /// <param name="lease">For how long each holds from now.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>For each: held, lost, or not known.</returns>
    ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Offers the result of a generation: accepted only while the claim with this very token is live; ends the claim.</summary>
    /// <param name="request">The result.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Accepted, or superseded.</returns>
    ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Whether the store can tell a cache's other nodes of a commit by itself (<see cref="CommitRequest.Announcement"/>), in the step in which it
    /// takes it and on the way that the notifications of this bus go, in the order in which both are sent. Asked before each commit. Spares a
    /// message for each regeneration. Default: false.
    /// </summary>
    /// <param name="bus">What carries the cache's notifications.</param>
    bool AnnouncesOn(INotificationBus bus) => false;

    /// <summary>Ends a claim without a result, and records the failure where waiters and the next node find it.</summary>
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

    /// <summary>Prolongs the activity of keys that were read. Never shortens it; keys the store doesn't hold are passed over.</summary>
    /// <param name="activities">The keys.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The store's epoch.</returns>
    ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default);

    /// <summary>Tells the tokens of keys, in one batch.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A token for each; <see cref="TokenCheck.Unknown"/> where a key's server doesn't answer and others do.</returns>
    ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default);
}
