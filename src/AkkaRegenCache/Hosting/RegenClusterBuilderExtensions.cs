using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts a cache into an Akka.NET cluster.</summary>
public static class RegenClusterBuilderExtensions
{
    /// <summary>
    /// Puts the cache into the application's cluster. Coordinators help it, and DistributedPubSub carries its notifications. If no external
    /// store is chosen (<c>UseRedis</c>, <c>UseStore</c>, …, before or after), the cluster stores its values. The actor system must be told
    /// too: <c>services.AddAkka(…, akka =&gt; akka.….WithRegenCache(name))</c>.
    /// </summary>
    /// <remarks>
    /// The cache works as soon as the host has started, also while the cluster isn't up. Each node then asks the external store without
    /// coordinators or, if there is no store, makes its own values. Missing wiring ends the host's start with an <see
    /// cref="InvalidOperationException"/> that names the line to add. With Redis, nodes outside this cluster are reached through Redis
    /// (<see cref="RegenClusterOptions.UseStoreNotifications"/>).
    /// </remarks>
    /// <param name="builder">
    /// The cache's registration. Of this call and <c>UseNotifications</c> the last one decides on the notifications.
    /// </param>
    public static RegenCacheBuilder UseCluster(this RegenCacheBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var name = builder.Name;
        builder.Services.AddSingleton(new ClusterCacheName(name));
        builder.Services.TryAddSingleton(static provider => new ClusterNodes(provider, provider.GetServices<ClusterCacheName>()));
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, ClusterWiring>());
        return builder
            .UseNotifications(provider => NodeOf(provider).NotificationsWith(provider.GetKeyedService<StoreNotifications>(name)?.Bus))
            .UseCoordinators(NodeOf)
            .UseStoreDecorator(NodeOf);

        ClusterNode NodeOf(IServiceProvider provider) => provider.GetRequiredService<ClusterNodes>().For(name);
    }
}
