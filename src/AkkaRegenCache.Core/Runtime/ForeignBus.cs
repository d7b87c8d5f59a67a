using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Publishes on a bus that may block or throw, on the thread pool, one notification after another in their order. If too many wait, another
/// is refused; the gap in the numbers makes the other nodes compare. Thread-safe.
/// </summary>
internal sealed class ForeignBus(INotificationBus bus) : INotificationBus
{
    /// <summary>The most notifications that wait for a bus that blocks.</summary>
    internal const int MostWaiting = 10_000;

    private readonly ConcurrentQueue<(string Cache, CacheNotification Notification, TaskCompletionSource Sent)> _queue = new();
    private int _queued;

    public ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        if (Volatile.Read(ref _queued) >= MostWaiting)
            return ValueTask.FromException(new InvalidOperationException($"The bus has not taken the last {MostWaiting} notifications."));
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _queue.Enqueue((cacheName, notification, sent));
        if (Interlocked.Increment(ref _queued) == 1)
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.Pump(), this, preferLocal: false);
        return new(sent.Task);
    }

    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) => bus.Subscribe(cacheName, handler);

    private void Pump()
    {
        do
        {
            if (_queue.TryDequeue(out var next))
                _ = SendAsync(next.Cache, next.Notification, next.Sent);
        }
        while (Interlocked.Decrement(ref _queued) > 0);
    }

    private async Task SendAsync(string cacheName, CacheNotification notification, TaskCompletionSource sent)
    {
        try
        {
            await bus.PublishAsync(cacheName, notification).ConfigureAwait(false);
            sent.SetResult();
        }
        catch (Exception e)
        {
            sent.SetException(e);
        }
    }
}
