namespace AkkaRegenCache.Storage;

/// <summary>
/// All that a database, or whatever else is shared, must be able to do to be a cache's store: keep one document per name, and replace it
/// only where it is still the one that was read. Claims, leases, fencing tokens, schedules and failures are the cache's:
/// <see cref="CompareAndSetExternalStore"/>.
/// </summary>
/// <remarks>
/// <para>
/// Reads and sets of one name are linearizable: a read that begins after a set has returned finds it, or something newer, on every node. A
/// store with replicas reads where it writes. A document that is lost is a key that was never known; one that comes back in an older state
/// undoes what was promised.
/// </para>
/// <para>
/// Names are of <c>a-z</c>, <c>0-9</c>, <c>-</c>, <c>.</c> and <c>:</c>, at most <see cref="CompareAndSetExternalStore.MaximumNameLength"/>
/// characters, whatever the cache's keys are, so that they need no escaping and no collation can mix them up.
/// </para>
/// <para>
/// Members may be called from any number of threads, and may block. One that fails throws (any exception); a set that throws may have been
/// done or not, or may still be done later. A <see cref="StoreRefusedException"/> says that this call is not to be repeated.
/// </para>
/// </remarks>
public interface ICompareAndSetStore
{
    /// <summary>Reads a document.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The document, or <see cref="StoredDocument.Absent"/>; with the store's time where it has a clock.</returns>
    ValueTask<StoredDocument> GetAsync(string name, CancellationToken cancellationToken);

    /// <summary>Replaces a document, atomically, if it is still the one that was read.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">The new content, whole; may be empty. It doesn't change afterwards.</param>
    /// <param name="expectedVersion">The version that was read; null: there must be none.</param>
    /// <param name="timeToLive">
    /// After which the document is of no use. It must not go sooner for its age; it may go later or stay (times are in it, too), but
    /// should go some day.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it was done; false: another version is there, or none, and nothing was changed.</returns>
    ValueTask<bool> TrySetAsync(
        string name, ReadOnlyMemory<byte> content, string? expectedVersion, TimeSpan timeToLive, CancellationToken cancellationToken);

    /// <summary>Reads several documents. Default: each by itself, 16 at a time; a store that can do it in one round trip does.</summary>
    /// <param name="names">At most 64 names.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One for each name, in their order.</returns>
    async ValueTask<IReadOnlyList<StoredDocument>> GetManyAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(names);
        var found = new StoredDocument[names.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, found.Length, options, async (i, ending) =>
            found[i] = await GetAsync(names[i], ending).ConfigureAwait(false)).ConfigureAwait(false);
        return found;
    }
}

/// <summary>What a store has under a name.</summary>
/// <param name="Content">The content as it was set; not to be changed afterwards.</param>
/// <param name="Version">
/// Names this very state of the document: no other state of this name ever had it or will, also where the content is the same, or the
/// document was gone between (a number counted up by the database, an ETag, a new GUID). Null: there is no document.
/// </param>
/// <param name="Time">
/// The store's own clock when it was read, to within a few milliseconds, or null where it has none. All nodes' leases go by it. Without it
/// they go by the nodes' clocks in UTC, which must agree to well within a lease (3 seconds).
/// </param>
public readonly record struct StoredDocument(ReadOnlyMemory<byte> Content, string? Version, DateTimeOffset? Time = null)
{
    /// <summary>Nothing is there.</summary>
    /// <param name="time">The store's clock, where it has one.</param>
    public static StoredDocument Absent(DateTimeOffset? time = null) => new(default, null, time);
}
