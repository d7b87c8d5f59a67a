using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Runs the calls of a store that may block or throw before its first await on the thread pool. So a slow call delays or fails only itself.
/// Thread-safe.
/// </summary>
internal sealed class ForeignStore : IExternalStore, IReturnsAtOnce
{
    private readonly IExternalStore _store;

    private ForeignStore(IExternalStore store) => _store = store;

    /// <summary>Returns the store itself if it is one of this project's.</summary>
    public static IExternalStore Around(IExternalStore store) => store is IReturnsAtOnce ? store : new ForeignStore(store);

    public bool StoresObjects => _store.StoresObjects;

    public int Partitions => _store.Partitions;

    public int PartitionOf(string key) => _store.PartitionOf(key);

    public IExternalStore ForCache(string cacheName) => Around(_store.ForCache(cacheName));

    /// <summary>Called during a step of the agent, where an exception would leave a flight without its commit.</summary>
    public bool AnnouncesOn(INotificationBus bus)
    {
        try
        {
            return _store.AnnouncesOn(bus);
        }
        catch (Exception)
        {
            return false;
        }
    }

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.ReadAsync(request, cancellationToken));

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.ClaimAsync(request, cancellationToken));

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease,
        CancellationToken cancellationToken = default) =>
        OnPool(() => _store.RenewAsync(claims, lease, cancellationToken));

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.CommitAsync(request, cancellationToken));

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.ReleaseAsync(request, cancellationToken));

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.WriteAsync(request, cancellationToken));

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.InvalidateAsync(request, cancellationToken));

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.TouchAsync(activities, cancellationToken));

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        OnPool(() => _store.CheckAsync(keys, cancellationToken));

    private static ValueTask<T> OnPool<T>(Func<ValueTask<T>> call) => new(Task.Run(() => call().AsTask()));
}
