namespace AkkaRegenCache.Notifications;

/// <summary>
/// Carries notifications between the nodes of a cache. May lose, repeat and reorder them; must not block. Thread-safe.
/// </summary>
public interface INotificationBus
{
    /// <summary>Sends a notification to the other nodes of a cache. Whether the sender gets its own back doesn't matter: it ignores them.</summary>
    /// <param name="cacheName">The cache whose nodes shall hear it.</param>
    /// <param name="notification">The notification.</param>
    /// <returns>A task that ends when it is sent; its failure is logged and otherwise ignored.</returns>
    ValueTask PublishAsync(string cacheName, CacheNotification notification);

    /// <summary>Hears the notifications of a cache until the subscription is disposed.</summary>
    /// <param name="cacheName">The cache.</param>
    /// <param name="handler">Called for each notification, on any thread; returns at once and doesn't throw.</param>
    /// <returns>The subscription.</returns>
    IDisposable Subscribe(string cacheName, Action<CacheNotification> handler);
}
