using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Runtime;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// A topic's way through Redis' pub/sub: the channel <c>{prefix}:await:{database}:{topic}</c>. At most once, and nothing while a connection
/// is down.
/// </summary>
/// <remarks>
/// Thread-safe. The client puts its <c>channelPrefix</c> before the name, here as for the caches' notifications. A subscription made while
/// Redis is down is tried again until it stands, and one that no longer hears is made again (see <see cref="ChannelSubscription"/>): for
/// that, a node which only listens has to publish as well, a heartbeat of no bytes, which all others ignore.
/// </remarks>
internal sealed partial class RedisCorrelatedChannel : ICorrelatedChannel, IDisposable
{
    /// <summary>A subscription that has become silent is noticed after two of these at most, sooner on a topic with traffic.</summary>
    public static readonly TimeSpan DefaultHeartbeat = TimeSpan.FromSeconds(5);

    private readonly RedisConnection _connection;
    private readonly string _prefix;
    private readonly string _topic;
    private readonly ILogger _logger;
    private readonly ChannelSubscription _subscription;
    private readonly TimeProvider _time;
    private readonly TimeSpan _heartbeat;
    private ITimer? _timer;

    public RedisCorrelatedChannel(
        RedisConnection connection, string keyPrefix, string topic, ILogger logger, TimeSpan? heartbeat = null, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyPrefix);
        _connection = connection;
        _prefix = RedisNames.Escape(keyPrefix);
        _topic = topic;
        _logger = logger;
        _heartbeat = heartbeat ?? DefaultHeartbeat;
        _time = time ?? TimeProvider.System;
        _subscription = new ChannelSubscription(
            async () =>
            {
                var connected = await _connection.GetAsync().ConfigureAwait(false);
                return (connected.GetSubscriber(), ChannelOf(connected));
            },
            error => LogSubscribeFailed(error, _topic),
            () => LogSilent(_topic),
            () => _connection.CanReconnect,
            _time);
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(Action<ReadOnlyMemory<byte>> hear)
    {
        var subscription = _subscription.Add(bytes =>
        {
            if (bytes.Length > 0)
                hear(bytes);
        });

        // A timer captures its context, and this one lives as long as the topic.
        _timer = OwnContext.Run(() => _time.CreateTimer(
            static channel => ((RedisCorrelatedChannel)channel!).Beat(), this, _heartbeat, _heartbeat));
        return new Ending(this, subscription);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">Redis is not connected.</exception>
    /// <exception cref="RedisException">Redis refused it, or the connection was lost meanwhile.</exception>
    public async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> frame)
    {
        var connection = await _connection.GetAsync().ConfigureAwait(false);

        // A late message is worse than none: awaiting callers ask again.
        _connection.ThrowIfDisconnected(connection);
        var heard = _subscription.Heard;
        await connection.GetSubscriber().PublishAsync(ChannelOf(connection), frame).ConfigureAwait(false);
        _subscription.OnPublished(heard);
        return true;
    }

    public void Dispose() => _timer?.Dispose();

    private void Beat() => _ = BeatAsync();

    private async Task BeatAsync()
    {
        try
        {
            await SendAsync(default).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Redis is not available. The subscription is renewed with the connection; the next heartbeat checks it.
        }
    }

    // Redis' channels are not separate for each database; our names are.
    private RedisChannel ChannelOf(IConnectionMultiplexer connection) =>
        RedisChannel.Literal($"{_prefix}:await:{connection.GetDatabase().Database}:{RedisNames.Escape(_topic)}");

    [LoggerMessage(42, LogLevel.Warning, "The subscription to topic '{Topic}' failed; it is tried again until it stands.")]
    private partial void LogSubscribeFailed(Exception exception, string topic);

    [LoggerMessage(43, LogLevel.Warning, "The subscription to topic '{Topic}' doesn't hear what is published here; it is made again.")]
    private partial void LogSilent(string topic);

    private sealed class Ending(RedisCorrelatedChannel channel, IDisposable subscription) : IDisposable
    {
        public void Dispose()
        {
            channel.Dispose();
            subscription.Dispose();
        }
    }
}
