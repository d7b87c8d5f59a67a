using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace AkkaRegenCache.Notifications;

/// <summary>
/// Carries notifications between caches of one process that share the instance. Thread-safe; delivers on the publisher's thread.
/// </summary>
public sealed class InProcessNotificationBus : INotificationBus, IReturnsAtOnce
{
    private readonly ConcurrentDictionary<string, ImmutableArray<Subscription>> _subscriptions = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        ArgumentNullException.ThrowIfNull(notification);
        if (_subscriptions.TryGetValue(cacheName, out var subscriptions))
        {
            foreach (var subscription in subscriptions)
                subscription.Handler(notification);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = new Subscription(this, cacheName, handler);
        _subscriptions.AddOrUpdate(cacheName, static (_, s) => [s], static (_, all, s) => all.Add(s), subscription);
        return subscription;
    }

    private sealed class Subscription(InProcessNotificationBus bus, string cacheName, Action<CacheNotification> handler) : IDisposable
    {
        public Action<CacheNotification> Handler { get; } = handler;

        public void Dispose() =>
            bus._subscriptions.AddOrUpdate(cacheName, static (_, _) => [], static (_, all, s) => all.Remove(s), this);
    }
}
