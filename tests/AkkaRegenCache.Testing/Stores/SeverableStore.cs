using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>A node's own way to a store that all share: it can be cut, as it is for a process that was killed.</summary>
internal sealed class SeverableStore(IExternalStore shared) : IExternalStore
{
    private volatile bool _isCut;

    public bool StoresObjects => shared.StoresObjects;

    private IExternalStore Shared => _isCut ? throw new IOException("cut off") : shared;

    public void Cut() => _isCut = true;

    // One cache only: what is cut must be this.
    public IExternalStore ForCache(string cacheName) => this;

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        Shared.ReadAsync(request, cancellationToken);

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        Shared.ClaimAsync(request, cancellationToken);

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        Shared.RenewAsync(claims, lease, cancellationToken);

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        Shared.CommitAsync(request, cancellationToken);

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        Shared.ReleaseAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        Shared.WriteAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        Shared.InvalidateAsync(request, cancellationToken);

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        Shared.TouchAsync(activities, cancellationToken);

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        Shared.CheckAsync(keys, cancellationToken);
}
