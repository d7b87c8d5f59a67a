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
/// <remarks>
/// None is abandoned: one that the node has given up is still waited for, so that virtual time goes on only when it is done.
/// </remarks>
internal sealed class CountedStore(IExternalStore inner, CallCount calls) : DelegatingStore(inner), IReturnsAtOnce
{
    public override IExternalStore ForCache(string cacheName) => new CountedStore(Inner.ForCache(cacheName), calls);

    protected override ValueTask<T> CallAsync<T>(
        StoreOperation operation, string key, Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
        calls.Do(ask(CancellationToken.None));
}
