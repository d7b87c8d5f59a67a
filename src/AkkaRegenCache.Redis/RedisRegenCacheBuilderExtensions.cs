using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Redis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts a cache on Redis.</summary>
public static class RedisRegenCacheBuilderExtensions
{
    private const string DefaultPrefix = "arc";

    /// <summary>
    /// Uses Redis as the cache's external store and for its notifications. (In an Akka cluster these reach the nodes outside the cluster.)
    /// The connection is made at first use and belongs to the container; caches with the same configuration share it. The host also starts
    /// while Redis is down. A lost connection is made again within about a second of Redis' return.
    /// </summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="configuration">A configuration of StackExchange.Redis: <c>host:port,password=…</c>.</param>
    /// <param name="keyPrefix">The prefix of all names in Redis. Farms with different prefixes can share a Redis.</param>
    /// <exception cref="ArgumentException">The configuration can't be read.</exception>
    public static RegenCacheBuilder UseRedis(this RegenCacheBuilder builder, string configuration, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        ConfigurationOptions.Parse(configuration);
        builder.Services.TryAddKeyedSingleton(configuration, static (_, key) => RedisConnection.To((string)key!));
        return builder.Use(provider => provider.GetRequiredKeyedService<RedisConnection>(configuration), keyPrefix);
    }

    /// <summary>
    /// As <see cref="UseRedis(RegenCacheBuilder, string, string)"/>, on a connection of the application's, which is not disposed here.
    /// </summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">The prefix of all names in Redis.</param>
    public static RegenCacheBuilder UseRedis(
        this RegenCacheBuilder builder, IConnectionMultiplexer connection, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(connection);
        var shared = new RedisConnection(connection);
        return builder.Use(_ => shared, keyPrefix);
    }

    /// <summary>
    /// As <see cref="UseRedis(RegenCacheBuilder, string, string)"/>, on the connection that the function makes at first use. It stays the
    /// application's and is not disposed here. The function is called again at the next use if it failed, or if the application has
    /// disposed the connection.
    /// </summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="factory">Makes or finds the connection. It should set <c>AbortOnConnectFail</c> to false.</param>
    /// <param name="keyPrefix">The prefix of all names in Redis.</param>
    public static RegenCacheBuilder UseRedis(
        this RegenCacheBuilder builder, Func<IServiceProvider, Task<IConnectionMultiplexer>> factory, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(factory);
        var key = new object();
        builder.Services.AddKeyedSingleton(key, (provider, _) => new RedisConnection(() => factory(provider), isOwn: false));
        return builder.Use(provider => provider.GetRequiredKeyedService<RedisConnection>(key), keyPrefix);
    }

    private static RegenCacheBuilder Use(
        this RegenCacheBuilder builder, Func<IServiceProvider, RedisConnection> connection, string keyPrefix)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyPrefix);
        builder.UseStore(provider => new RedisStore(connection(provider), keyPrefix, provider.GetService<ILogger<RedisStore>>()));
        builder.UseStoreNotifications(provider => new RedisNotifications(
            connection(provider), keyPrefix, provider.GetService<ILogger<RedisNotifications>>()));

        // A cluster uses them beside its own notifications.
        var name = builder.Name;
        return builder.IsInCluster
            ? builder
            : builder.UseNotifications(provider => provider.GetRequiredKeyedService<StoreNotifications>(name).Bus);
    }
}
