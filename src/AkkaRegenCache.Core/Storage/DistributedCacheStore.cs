#pragma warning disable CS1591
using Microsoft.Extensions.Caching.Distributed;

namespace AkkaRegenCache.Storage;

/// <summary>placeholder until written</summary>
public sealed class DistributedCacheStore(IDistributedCache cache, TimeProvider? time = null) : IExternalStore
{
    private readonly InMemoryStore _inner = new(time, false);
    public bool StoresObjects => false;
    public IDistributedCache Cache => cache;
    public IExternalStore ForCache(string cacheName) => this;
    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) => _inner.ReadAsync(request, cancellationToken);
    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
