using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Notifications;

/// <summary>A node's way to the notifications: can lose and repeat them, and strip them of what would not survive a wire. Thread-safe.</summary>
/// <param name="inner">The shared notifications.</param>
/// <param name="serializes">Whether values travel as bytes only.</param>
public sealed class ObservedBus(INotificationBus inner, bool serializes) : INotificationBus, IReturnsAtOnce
{
    private readonly ConcurrentQueue<(string CacheName, CacheNotification Notification)> _sent = new();
    private volatile bool _isMuted;
    private volatile bool _fails;

    /// <summary>Whether what this node publishes is lost.</summary>
    public bool IsMuted
    {
        get => _isMuted;
        set => _isMuted = value;
    }

    /// <summary>Whether publishing fails.</summary>
    public bool Fails
    {
        get => _fails;
        set => _fails = value;
    }

    /// <summary>Of what this node publishes, what is lost; null: nothing.</summary>
    public Func<CacheNotification, bool>? Loses { get; set; }

    public int Sent(NotificationKind kind) => _sent.Count(s => s.Notification.Kind == kind);

    /// <summary>Delivers everything again that this node ever published, to itself too.</summary>
    public async Task RepeatAsync()
    {
        foreach (var (cacheName, notification) in _sent.ToArray())
            await inner.PublishAsync(cacheName, notification);
    }

    public ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        var sent = serializes ? OverTheWire(notification) : notification;
        _sent.Enqueue((cacheName, sent));
        if (_fails)
            throw new IOException("Nothing can be published.");
        return _isMuted || Loses?.Invoke(sent) == true ? ValueTask.CompletedTask : inner.PublishAsync(cacheName, sent);
    }

    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) => inner.Subscribe(cacheName, handler);

    private static CacheNotification OverTheWire(CacheNotification notification) => notification.Payload is { } payload
        ? notification with { Payload = CachePayload.FromBytes(payload.Bytes!.Value) }
        : notification;
}
