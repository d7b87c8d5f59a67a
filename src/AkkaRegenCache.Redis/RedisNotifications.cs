using AkkaRegenCache.Notifications;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Notifications through Redis' pub/sub: one channel for each cache, <c>{prefix}:notify:{database}:{cache}</c>. At most once, and nothing while a
/// connection is down: what was missed, a receiver learns from the next number it hears.
/// </summary>
/// <remarks>
/// Thread-safe. A subscription made while Redis is down is tried again until it stands. What can't be read (of a version to come, or not a
/// notification) is ignored, with one warning.
/// </remarks>
public sealed partial class RedisNotifications : INotificationBus
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(250);

    private readonly RedisConnection _connection;
    private readonly string _prefix;
    private readonly ILogger _logger;
    private bool _warned;

    /// <summary>Creates the notifications on a connection, which stays its owner's.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">Before the names of all channels; farms with different ones don't hear each other.</param>
    /// <param name="logger">Hears of what can't be read; null: nobody does.</param>
    public RedisNotifications(IConnectionMultiplexer connection, string keyPrefix = "arc", ILogger<RedisNotifications>? logger = null)
        : this(new RedisConnection(NotNull(connection)), keyPrefix, logger)
    {
    }

    internal RedisNotifications(RedisConnection connection, string keyPrefix, ILogger? logger)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyPrefix);
        _connection = connection;
        _prefix = RedisNames.Escape(keyPrefix);
        _logger = logger ?? NullLogger.Instance;
    }

    /// <inheritdoc/>
    public async ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        ArgumentNullException.ThrowIfNull(notification);
        var bytes = NotificationFormat.Write(notification);
        var connection = await _connection.GetAsync().ConfigureAwait(false);

        // One that is sent late is worse than none: what was missed is noticed.
        RedisConnection.ThrowIfDisconnected(connection);
        await connection.GetSubscriber().PublishAsync(ChannelOf(connection, cacheName), bytes).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = new Subscription(this, cacheName, handler);
        _ = subscription.RunAsync();
        return subscription;
    }

    private static IConnectionMultiplexer NotNull(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection;
    }

    // Redis' channels know no databases; our keys do.
    private RedisChannel ChannelOf(IConnectionMultiplexer connection, string cacheName) => new(
        $"{_prefix}:notify:{connection.GetDatabase().Database}:{RedisNames.Escape(cacheName)}", RedisChannel.PatternMode.Literal);

    private void Warn()
    {
        if (!Interlocked.Exchange(ref _warned, true))
            LogUnreadable();
    }

    [LoggerMessage(30, LogLevel.Warning,
        "A notification in Redis can't be read: a newer version's, or none at all. It is ignored, and further ones are not reported.")]
    private partial void LogUnreadable();

    [LoggerMessage(31, LogLevel.Warning, "The subscription to the notifications of cache '{CacheName}' failed; it is tried again until it stands.")]
    private partial void LogSubscribeFailed(Exception exception, string cacheName);

    /// <summary>Stands from its first success until it is disposed; the client renews it on a new connection.</summary>
    private sealed class Subscription(RedisNotifications owner, string cacheName, Action<CacheNotification> handler) : IDisposable
    {
        private readonly CancellationTokenSource _ending = new();

        public async Task RunAsync()
        {
            var ending = _ending.Token;
            for (var isFirst = true; !ending.IsCancellationRequested; isFirst = false)
            {
                try
                {
                    await SubscribeAsync(ending).ConfigureAwait(false);
                    return;
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
                catch (Exception e)
                {
                    if (isFirst && !ending.IsCancellationRequested)
                        owner.LogSubscribeFailed(e, cacheName);
                }

                await Task.Delay(s_retry, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        public void Dispose() => _ending.Cancel();

        private async Task SubscribeAsync(CancellationToken ending)
        {
            var connection = await owner._connection.GetAsync().ConfigureAwait(false);
            var subscriber = connection.GetSubscriber();
            var channel = owner.ChannelOf(connection, cacheName);
            Action<RedisChannel, RedisValue> hear = (_, message) => Hear(message);
            await subscriber.SubscribeAsync(channel, hear).ConfigureAwait(false);

            // Only this handler: another cache of the process may hear the same channel on the same connection.
            ending.Register(() => _ = EndAsync(subscriber, channel, hear));
        }

        private static async Task EndAsync(ISubscriber subscriber, RedisChannel channel, Action<RedisChannel, RedisValue> hear)
        {
            try
            {
                await subscriber.UnsubscribeAsync(channel, hear).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // The connection is gone, and the subscription with it.
            }
        }

        private void Hear(RedisValue message)
        {
            if (_ending.IsCancellationRequested)
                return;
            if ((byte[]?)message is { } bytes && NotificationFormat.Read(bytes) is { } notification)
                handler(notification);
            else
                owner.Warn();
        }
    }
}
