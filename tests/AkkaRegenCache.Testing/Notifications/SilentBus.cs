using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Testing.Notifications;

/// <summary>A bus that loses everything.</summary>
internal sealed class SilentBus : INotificationBus, IDisposable
{
    public ValueTask PublishAsync(string cacheName, CacheNotification notification) => ValueTask.CompletedTask;

    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) => this;

    public void Dispose()
    {
    }
}
