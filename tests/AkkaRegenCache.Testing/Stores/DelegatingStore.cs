using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>
/// A store in front of another one. All calls go through <see cref="CallAsync"/>: a derived class changes that, or the one operation it is
/// about.
/// </summary>
/// <param name="inner">The store behind it; null: <see cref="Inner"/> is derived.</param>
public abstract class DelegatingStore(IExternalStore? inner = null) : IExternalStore
{
    public virtual bool StoresObjects => Inner.StoresObjects;

    public virtual int Partitions => Inner.Partitions;

    /// <summary>The store behind it, asked for with each call.</summary>
    protected virtual IExternalStore Inner => inner ?? throw new NotSupportedException("There is no store behind this.");

    public virtual int PartitionOf(string key) => Inner.PartitionOf(key);

    public abstract IExternalStore ForCache(string cacheName);

    public virtual bool AnnouncesOn(INotificationBus bus) => Inner.AnnouncesOn(bus);

    public virtual ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Read, request.Key, token => Inner.ReadAsync(request, token), cancellationToken);

    public virtual ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Claim, request.Key, token => Inner.ClaimAsync(request, token), cancellationToken);

    public virtual ValueTask<RenewAnswer> RenewAsync(
        IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Renew, "", token => Inner.RenewAsync(claims, lease, token), cancellationToken);

    public virtual ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Commit, request.Key, token => Inner.CommitAsync(request, token), cancellationToken);

    public virtual ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Release, request.Key, token => Inner.ReleaseAsync(request, token), cancellationToken);

    public virtual ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Write, request.Key, token => Inner.WriteAsync(request, token), cancellationToken);

    public virtual ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Invalidate, request.Key, token => Inner.InvalidateAsync(request, token), cancellationToken);

    public virtual ValueTask<TouchAnswer> TouchAsync(
        IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Touch, "", token => Inner.TouchAsync(activities, token), cancellationToken);

    public virtual ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        CallAsync(StoreOperation.Check, "", token => Inner.CheckAsync(keys, token), cancellationToken);

    /// <summary>Makes a call.</summary>
    /// <param name="operation">What is asked for.</param>
    /// <param name="key">Of which key; empty: of several.</param>
    /// <param name="ask">The same call of the store behind.</param>
    /// <param name="cancellationToken">The caller's.</param>
    protected virtual ValueTask<T> CallAsync<T>(
        StoreOperation operation, string key, Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
        ask(cancellationToken);
}
