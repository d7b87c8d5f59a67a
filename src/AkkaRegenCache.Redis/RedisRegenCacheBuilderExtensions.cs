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
    /// Uses Redis as the cache's external store and for its notifications; in an Akka cluster they reach the nodes outside of it. The connection is made at first use and belongs to the application's
    /// container; caches with the same configuration share it. The host starts also while Redis is down, and a lost connection is made again within
    /// about a second of Redis' return.
    /// </summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="configuration">As StackExchange.Redis takes it: <c>host:port,password=…</c>.</param>
    /// <param name="keyPrefix">Before all names in Redis: farms with different ones share a Redis without meeting.</param>
    /// <exception cref="ArgumentException">The configuration can't be read.</exception>
    public static RegenCacheBuilder UseRedis(this RegenCacheBuilder builder, string configuration, string keyPrefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        ConfigurationOptions.Parse(configuration);
        builder.Services.TryAddKeyedSingleton(configuration, static (_, key) => RedisConnection.To((string)key!));
        return builder.Use(provider => provider.GetRequiredKeyedService<RedisConnection>(configuration), keyPrefix);
    }

    /// <summary>As <see cref="UseRedis(RegenCacheBuilder, string, string)"/>, on a connection that stays its owner's.</summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">Before all names in Redis.</param>
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
    /// application's: nothing here disposes it. A call that fails is made again at the next use; so is one whose connection the application has disposed since.
    /// </summary>
    /// <param name="builder">The cache's registration.</param>
    /// <param name="factory">Makes, or finds, the connection. Let it set <c>AbortOnConnectFail</c> to false.</param>
    /// <param name="keyPrefix">Before all names in Redis.</param>
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

        // A cluster uses them beside its own.
        var name = builder.Name;
        return builder.IsInCluster
            ? builder
            : builder.UseNotifications(provider => provider.GetRequiredKeyedService<StoreNotifications>(name).Bus);
    }
}
