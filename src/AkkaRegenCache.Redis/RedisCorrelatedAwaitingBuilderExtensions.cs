using AkkaRegenCache.Hosting;
using AkkaRegenCache.Redis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts correlated awaiting on Redis.</summary>
public static class RedisCorrelatedAwaitingBuilderExtensions
{
    private const string DefaultPrefix = "arc";

    /// <summary>
    /// Carries the topic's messages through Redis' pub/sub. The connection is made when the host starts and belongs to the application's
    /// container; topics and caches with the same configuration share it. The host starts also while Redis is down: until it is back,
    /// messages reach this node's awaiters only.
    /// </summary>
    /// <param name="builder">The topic's registration. Of this and <c>UseCluster</c> the last call counts.</param>
    /// <param name="configuration">As StackExchange.Redis takes it: <c>host:port,password=…</c>.</param>
    /// <param name="keyPrefix">Before all names in Redis: farms with different ones share a Redis without meeting.</param>
    /// <exception cref="ArgumentException">The configuration can't be read.</exception>
    public static CorrelatedAwaitingBuilder UseRedis(
        this CorrelatedAwaitingBuilder builder, string configuration, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        ConfigurationOptions.Parse(configuration);
        builder.Services.TryAddKeyedSingleton(configuration, static (_, key) => RedisConnection.To((string)key!));
        return builder.Use(provider => provider.GetRequiredKeyedService<RedisConnection>(configuration), keyPrefix);
    }

    /// <summary>As <see cref="UseRedis(CorrelatedAwaitingBuilder, string, string)"/>, on a connection that stays its owner's.</summary>
    /// <param name="builder">The topic's registration.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">Before all names in Redis.</param>
    public static CorrelatedAwaitingBuilder UseRedis(
        this CorrelatedAwaitingBuilder builder, IConnectionMultiplexer connection, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(connection);
        var shared = new RedisConnection(connection);
        return builder.Use(_ => shared, keyPrefix);
    }

    /// <summary>
    /// As <see cref="UseRedis(CorrelatedAwaitingBuilder, string, string)"/>, on the connection that the function makes. It stays the
    /// application's: nothing here disposes it. A call that fails is made again; so is one whose connection the application has disposed
    /// since.
    /// </summary>
    /// <param name="builder">The topic's registration.</param>
    /// <param name="factory">Makes, or finds, the connection. Let it set <c>AbortOnConnectFail</c> to false.</param>
    /// <param name="keyPrefix">Before all names in Redis.</param>
    public static CorrelatedAwaitingBuilder UseRedis(
        this CorrelatedAwaitingBuilder builder,
        Func<IServiceProvider, Task<IConnectionMultiplexer>> factory,
        string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(factory);
        var key = new object();
        builder.Services.AddKeyedSingleton(key, (provider, _) => new RedisConnection(() => factory(provider), isOwn: false));
        return builder.Use(provider => provider.GetRequiredKeyedService<RedisConnection>(key), keyPrefix);
    }

    private static CorrelatedAwaitingBuilder Use(
        this CorrelatedAwaitingBuilder builder, Func<IServiceProvider, RedisConnection> connection, string keyPrefix)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyPrefix);
        var topic = builder.Topic;
        return builder.UseChannel(provider => new RedisCorrelatedChannel(
            connection(provider),
            keyPrefix,
            topic,
            provider.GetService<ILoggerFactory>()?.CreateLogger("AkkaRegenCache.Awaiting") ?? NullLogger.Instance));
    }
}
