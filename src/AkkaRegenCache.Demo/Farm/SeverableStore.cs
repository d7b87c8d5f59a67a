using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>The shared store as one node reaches it: over a network, which can be cut.</summary>
internal sealed class SeverableStore(IExternalStore store, Lifeline lifeline) : IExternalStore
{
    public bool StoresObjects => store.StoresObjects;

    public IExternalStore ForCache(string cacheName) => new SeverableStore(store.ForCache(cacheName), lifeline);

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.ReadAsync, cancellationToken);

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.ClaimAsync, cancellationToken);

    public ValueTask<RenewAnswer> RenewAsync(
        IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(claims, (request, ct) => store.RenewAsync(request, lease, ct), cancellationToken);

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.CommitAsync, cancellationToken);

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.ReleaseAsync, cancellationToken);

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.WriteAsync, cancellationToken);

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(request, store.InvalidateAsync, cancellationToken);

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(activities, store.TouchAsync, cancellationToken);

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        lifeline.AskAsync(keys, store.CheckAsync, cancellationToken);
}
