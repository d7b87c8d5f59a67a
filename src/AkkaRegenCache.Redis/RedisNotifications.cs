using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Notifications through Redis' pub/sub: one channel for each cache, <c>{prefix}:notify:{database}:{cache}</c>. Delivered at most once, and
/// not while a connection is down. A receiver notices by the next number that it missed something.
/// </summary>
/// <remarks>
/// Thread-safe. A subscription made while Redis is down is tried again until it stands. One that doesn't hear what is published here is
/// made again (see <see cref="ChannelSubscription"/>). What can't be read (a later version, or no notification) is ignored, with one
/// warning.
/// </remarks>
public sealed partial class RedisNotifications : INotificationBus, IReturnsAtOnce
{
    private readonly RedisConnection _connection;
    private readonly string _prefix;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, ChannelSubscription> _subscriptions = new(StringComparer.Ordinal);
    private bool _warned;

    /// <summary>Creates the notifications on a connection, which is not disposed here.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">The prefix of all channels. Farms with different prefixes don't hear each other.</param>
    /// <param name="logger">Logs what can't be read; null: nothing is logged.</param>
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

        // A late notification is worse than none: a gap is noticed.
        _connection.ThrowIfDisconnected(connection);
        _subscriptions.TryGetValue(cacheName, out var subscription);
        var heard = subscription?.Heard ?? 0;
        await connection.GetSubscriber().PublishAsync(ChannelOf(connection, cacheName), bytes).ConfigureAwait(false);
        subscription?.OnPublished(heard);
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        ArgumentNullException.ThrowIfNull(handler);
        return _subscriptions.GetOrAdd(cacheName, static (name, owner) => new ChannelSubscription(
            async () =>
            {
                var connection = await owner._connection.GetAsync().ConfigureAwait(false);
                return (connection.GetSubscriber(), owner.ChannelOf(connection, name));
            },
            error => owner.LogSubscribeFailed(error, name),
            () => owner.LogSilent(name),
            () => owner._connection.CanReconnect,
            TimeProvider.System), this).Add(bytes =>
        {
            if (NotificationFormat.Read(bytes) is { } notification)
                handler(notification);
            else
                Warn();
        });
    }

    private static IConnectionMultiplexer NotNull(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection;
    }

    // Redis' channels are not separate for each database; our keys are.
    private RedisChannel ChannelOf(IConnectionMultiplexer connection, string cacheName) =>
        RedisChannel.Literal(ChannelOf(_prefix, connection.GetDatabase().Database, cacheName));

    /// <summary>The name of a cache's channel.</summary>
    /// <param name="prefix">The prefix, escaped.</param>
    /// <param name="database">The database's number.</param>
    /// <param name="cacheName">The cache.</param>
    internal static string ChannelOf(string prefix, int database, string cacheName) =>
        $"{prefix}:notify:{database}:{RedisNames.Escape(cacheName)}";

    /// <summary>Whether a script's publication on that connection goes through the same channels as these notifications.</summary>
    internal bool GoWith(RedisConnection connection, string prefix) => _connection.IsSameAs(connection) && _prefix == prefix;

    private void Warn()
    {
        if (!Interlocked.Exchange(ref _warned, true))
            LogUnreadable();
    }

    [LoggerMessage(30, LogLevel.Warning,
        "A notification in Redis can't be read: a newer version's, or none at all. It is ignored, and further ones are not reported.")]
    private partial void LogUnreadable();

    [LoggerMessage(31, LogLevel.Warning,
        "The subscription to the notifications of cache '{CacheName}' failed; it is tried again until it stands.")]
    private partial void LogSubscribeFailed(Exception exception, string cacheName);

    [LoggerMessage(32, LogLevel.Warning,
        "The subscription to the notifications of cache '{CacheName}' doesn't hear what is published here; it is made again.")]
    private partial void LogSilent(string cacheName);
}
