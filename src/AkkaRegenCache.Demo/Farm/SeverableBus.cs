using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>The shared notifications as one node reaches them: over a network, which can be cut.</summary>
internal sealed class SeverableBus(INotificationBus bus, Lifeline lifeline) : INotificationBus
{
    public ValueTask PublishAsync(string cacheName, CacheNotification notification) =>
        lifeline.IsCut ? ValueTask.CompletedTask : bus.PublishAsync(cacheName, notification);

    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) =>
        bus.Subscribe(cacheName, notification =>
        {
            if (!lifeline.IsCut)
                handler(notification);
        });
}
