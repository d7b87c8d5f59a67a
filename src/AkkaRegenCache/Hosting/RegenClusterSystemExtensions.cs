using AkkaRegenCache;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace Akka.Actor;

/// <summary>Starts caches in an actor system without Akka.Hosting.</summary>
public static class RegenClusterSystemExtensions
{
    /// <summary>
    /// Starts a cache in an actor system without Akka.Hosting and without a container, as in a plain console program. Its HOCON needs
    /// <see cref="RegenClusterConfig.Default"/> as a fallback. The cache leaves with the actor system, on SIGTERM too. Dispose it
    /// afterwards; otherwise it goes on without the cluster, on its store or alone in this process.
    /// </summary>
    /// <param name="system">The actor system; its provider is the cluster's.</param>
    /// <param name="name">The cache's name, the same on every node.</param>
    /// <param name="options">The cache's options; null: the defaults.</param>
    /// <param name="store">The external store; null: the cluster stores the values.</param>
    /// <param name="configure">Sets the cache's options in the cluster.</param>
    /// <param name="services">Where serializers come from; null: System.Text.Json for all.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <param name="logger">Logs what goes wrong in the cache; null: nothing is logged.</param>
    /// <param name="storeNotifications">
    /// Reaches nodes on the same store outside this cluster: <c>RedisNotifications</c> on the store's connection. Null: they aren't
    /// reached.
    /// </param>
    /// <returns>The cache. It works at once, also while the cluster isn't up.</returns>
    /// <exception cref="ArgumentException">An option is not usable; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The actor system is in no cluster.</exception>
    public static async Task<RegenCache> StartRegenCacheAsync(
        this ActorSystem system,
        string name,
        RegenCacheOptions? options = null,
        IExternalStore? store = null,
        Action<RegenClusterOptions>? configure = null,
        IServiceProvider? services = null,
        TimeProvider? timeProvider = null,
        ILogger<RegenCache>? logger = null,
        INotificationBus? storeNotifications = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var clusterOptions = new RegenClusterOptions();
        configure?.Invoke(clusterOptions);
        var node = new ClusterNode(name, clusterOptions, timeProvider);
        var outside = storeNotifications is null or IReturnsAtOnce ? storeNotifications : new ForeignBus(storeNotifications);
        var cache = new RegenCache(
            name, options, node.Before(store), node.NotificationsWith(outside), node, keyspaces: [], services, timeProvider, logger);
        node.FindCache = () => cache;
        try
        {
            await ClusterStart.StartAsync(system, node, null, cache.DrainAsync, hasHost: false).ConfigureAwait(false);
            return cache;
        }
        catch
        {
            await cache.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
