using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>How many calls a real store has not answered yet. Thread-safe.</summary>
internal sealed class CallCount
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public async ValueTask<T> Do<T>(ValueTask<T> call)
    {
        Interlocked.Increment(ref _count);
        try
        {
            return await call.ConfigureAwait(false);
        }
        finally
        {
            // Not before whoever has called has gone on.
            ThreadPool.UnsafeQueueUserWorkItem(static calls => Interlocked.Decrement(ref calls._count), this, preferLocal: true);
        }
    }
}

/// <summary>A store whose calls are counted while they are under way.</summary>
/// <remarks>None is abandoned: one that the node has given up is still waited for, so that virtual time goes on only when it is done.</remarks>
internal sealed class CountedStore(IExternalStore inner, CallCount calls) : IExternalStore, IReturnsAtOnce
{
    public bool StoresObjects => inner.StoresObjects;

    public int Partitions => inner.Partitions;

    public int PartitionOf(string key) => inner.PartitionOf(key);

    public IExternalStore ForCache(string cacheName) => new CountedStore(inner.ForCache(cacheName), calls);

    public bool AnnouncesOn(INotificationBus bus) => inner.AnnouncesOn(bus);

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.ReadAsync(request, CancellationToken.None));

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.ClaimAsync(request, CancellationToken.None));

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        calls.Do(inner.RenewAsync(claims, lease, CancellationToken.None));

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.CommitAsync(request, CancellationToken.None));

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.ReleaseAsync(request, CancellationToken.None));

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.WriteAsync(request, CancellationToken.None));

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        calls.Do(inner.InvalidateAsync(request, CancellationToken.None));

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        calls.Do(inner.TouchAsync(activities, CancellationToken.None));

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        calls.Do(inner.CheckAsync(keys, CancellationToken.None));
}
