using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>In a cluster, a cache of another name is another region; the registration sees to that.</summary>
internal sealed class NamedStores(Func<string, IExternalStore> start) : IExternalStore
{
    private readonly ConcurrentDictionary<string, IExternalStore> _stores = new();

    public bool StoresObjects => false;

    private IExternalStore Main => ForCache("main");

    public IExternalStore ForCache(string cacheName) => _stores.GetOrAdd(cacheName, start);

    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) => Main.ReadAsync(request, cancellationToken);

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        Main.ClaimAsync(request, cancellationToken);

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        Main.RenewAsync(claims, lease, cancellationToken);

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        Main.CommitAsync(request, cancellationToken);

    public bool AnnouncesOn(INotificationBus bus) => Main.AnnouncesOn(bus);

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        Main.ReleaseAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        Main.WriteAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        Main.InvalidateAsync(request, cancellationToken);

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        Main.TouchAsync(activities, cancellationToken);

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        Main.CheckAsync(keys, cancellationToken);
}
