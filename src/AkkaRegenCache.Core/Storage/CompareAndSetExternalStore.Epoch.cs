namespace AkkaRegenCache.Storage;

/// <summary>The store's epoch: a document of its own. If it is lost, other documents may be lost, too.</summary>
public sealed partial class CompareAndSetExternalStore
{
    /// <summary>
    /// How long a node uses the epoch that it has read. During that time an emptied store looks like one that does not know the key.
    /// </summary>
    private static readonly TimeSpan s_epochAge = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_epochLifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_epochRenewed = TimeSpan.FromDays(1);

    private readonly KeyLocks _epochGate = new();
    private volatile KnownEpoch? _epoch;

    private sealed record KnownEpoch(string Id, long Stamp);

    /// <summary>The epoch, read at most this long ago.</summary>
    private async ValueTask<string> EpochAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        var asked = _time.GetTimestamp();
        if (Known() is { } known)
            return known;
        using var held = await _epochGate.EnterAsync("", cancellationToken).ConfigureAwait(false);

        // Another call may have read it meanwhile.
        if (Known() is { } read)
            return read;
        var stamp = _time.GetTimestamp();
        var epoch = await ReadEpochAsync(cancellationToken).ConfigureAwait(false);
        _epoch = new KnownEpoch(epoch, stamp);
        return epoch;

        string? Known() => _epoch is { } last && (last.Stamp > asked || _time.GetElapsedTime(last.Stamp, asked) < age) ? last.Id : null;
    }

    private async ValueTask<string> ReadEpochAsync(CancellationToken cancellationToken)
    {
        var name = DocumentNames.OfEpoch(_path);
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var found = await GetAsync(name, cancellationToken).ConfigureAwait(false);
            var now = TimeOf(found);
            var kind = KeyDocument.ReadEpoch(found, out var epoch, out var writtenAt);
            if (kind == DocumentKind.Newer)
                throw new StoreRefusedException("The document of the store's epoch was written by a newer version.");
            if (kind == DocumentKind.Readable)
            {
                if (now - writtenAt > s_epochRenewed.Ticks)
                    await RenewAsync(epoch).ConfigureAwait(false);
                return epoch;
            }

            epoch = Guid.NewGuid().ToString("N");
            if (await StoreAsync(epoch).ConfigureAwait(false))
                return epoch;
            await PauseAsync(attempt, cancellationToken).ConfigureAwait(false);

            // If that fails the next read renews it: days are left.
            async ValueTask RenewAsync(string id)
            {
                try
                {
                    await StoreAsync(id).ConfigureAwait(false);
                }
                catch (Exception) when (!cancellationToken.IsCancellationRequested)
                {
                }
            }

            ValueTask<bool> StoreAsync(string id) =>
                SetAsync(name, KeyDocument.WriteEpoch(id, now), found.Version, s_epochLifetime, cancellationToken);
        }

        throw Outrun("epoch");
    }
}
