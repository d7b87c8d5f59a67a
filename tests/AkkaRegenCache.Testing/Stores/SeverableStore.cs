using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>A node's own way to a store that all share: it can be cut, as it is for a process that was killed.</summary>
internal sealed class SeverableStore(IExternalStore shared) : DelegatingStore(shared)
{
    private volatile bool _isCut;

    public void Cut() => _isCut = true;

    // One cache only: what is cut must be this.
    public override IExternalStore ForCache(string cacheName) => this;

    public override bool AnnouncesOn(INotificationBus bus) => false;

    protected override ValueTask<T> CallAsync<T>(
        StoreOperation operation, string key, Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
        _isCut ? throw new IOException("cut off") : ask(cancellationToken);
}
