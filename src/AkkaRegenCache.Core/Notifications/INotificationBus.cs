namespace AkkaRegenCache.Notifications;

/// <summary>
/// Carries notifications between the nodes of a cache. May lose, repeat and reorder them; must not block. Thread-safe.
/// </summary>
public interface INotificationBus
{
    /// <summary>
    /// Sends a notification to the other nodes of a cache. Senders ignore their own, so it does not matter if they receive it.
    /// </summary>
    /// <param name="cacheName">The cache whose nodes receive it.</param>
    /// <param name="notification">The notification.</param>
    /// <returns>A task that ends when it is sent; its failure is logged and otherwise ignored.</returns>
    ValueTask PublishAsync(string cacheName, CacheNotification notification);

    /// <summary>Receives the notifications of a cache until the subscription is disposed.</summary>
    /// <param name="cacheName">The cache.</param>
    /// <param name="handler">Called for each notification, on any thread; returns at once and doesn't throw.</param>
    /// <returns>The subscription.</returns>
    IDisposable Subscribe(string cacheName, Action<CacheNotification> handler);
}
