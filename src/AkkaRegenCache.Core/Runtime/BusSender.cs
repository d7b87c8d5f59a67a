using AkkaRegenCache.Notifications;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>Sends a node's notifications, and logs once when that fails. Thread-safe.</summary>
internal sealed partial class BusSender(INotificationBus? bus, string cacheName, ILogger logger)
{
    private readonly INotificationBus? _bus = bus is null or IReturnsAtOnce ? bus : new ForeignBus(bus);
    private bool _isBusDown;

    public void Publish(CacheNotification notification)
    {
        if (_bus is null)
            return;

        // The exception object stays on this node. Other nodes get its type and message, as over a network.
        if (notification.Failure is { Exception: not null } failure)
            notification = notification with { Failure = failure.WithoutException() };
        try
        {
            var task = _bus.PublishAsync(cacheName, notification);
            if (task.IsCompletedSuccessfully)
                NotePublished();
            else
                _ = AwaitBusAsync(task);
        }
        catch (Exception e)
        {
            NoteNotPublished(e);
        }
    }

    private async Task AwaitBusAsync(ValueTask task)
    {
        try
        {
            await task.ConfigureAwait(false);
            NotePublished();
        }
        catch (Exception e)
        {
            NoteNotPublished(e);
        }
    }

    /// <summary>Only the first failure is logged as a warning. The heartbeat alone would cause two more a second.</summary>
    private void NoteNotPublished(Exception exception)
    {
        if (Interlocked.Exchange(ref _isBusDown, true))
            LogBusStillFails(exception, cacheName);
        else
            LogBusFailed(exception, cacheName);
    }

    private void NotePublished()
    {
        if (Volatile.Read(ref _isBusDown) && Interlocked.Exchange(ref _isBusDown, false))
            LogBusBack(cacheName);
    }

    [LoggerMessage(3, LogLevel.Warning,
        "Cache {CacheName}: a notification could not be sent. Further ones that can't be are reported at debug level, until one is sent "
        + "again.")]
    private partial void LogBusFailed(Exception exception, string cacheName);

    [LoggerMessage(7, LogLevel.Debug, "Cache {CacheName}: another notification could not be sent.")]
    private partial void LogBusStillFails(Exception exception, string cacheName);

    [LoggerMessage(8, LogLevel.Information, "Cache {CacheName}: notifications are sent again.")]
    private partial void LogBusBack(string cacheName);
}
