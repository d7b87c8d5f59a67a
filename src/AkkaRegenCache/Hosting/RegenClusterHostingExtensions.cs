using AkkaRegenCache;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Akka.Hosting;

/// <summary>Lets an actor system serve caches.</summary>
public static class RegenClusterHostingExtensions
{
    /// <summary>
    /// Lets the actor system serve a cache that is registered with <c>services.AddRegenCache(name).UseCluster()</c>. The agent of the first
    /// cache is found as <c>IRequiredActor&lt;RegenCacheKey&gt;</c>. Adds <see cref="RegenClusterConfig.Default"/> below all HOCON that is
    /// there.
    /// </summary>
    /// <param name="builder">The actor system's builder, on which remoting and clustering are set up too.</param>
    /// <param name="name">The cache's name.</param>
    /// <param name="configure">Sets the cache's options in the cluster.</param>
    /// <exception cref="ArgumentException">An option is not usable, or the name was given before.</exception>
    public static AkkaConfigurationBuilder WithRegenCache(
        this AkkaConfigurationBuilder builder, string name, Action<RegenClusterOptions>? configure = null) =>
        WithRegenCache(builder, name, null, configure);

    /// <summary>
    /// As <see cref="WithRegenCache(AkkaConfigurationBuilder, string, Action{RegenClusterOptions})"/>, with a key of its own.
    /// </summary>
    /// <typeparam name="TKey">Its agent is found as <c>IRequiredActor&lt;TKey&gt;</c>.</typeparam>
    /// <param name="builder">The actor system's builder.</param>
    /// <param name="name">The cache's name.</param>
    /// <param name="configure">Sets the cache's options in the cluster.</param>
    public static AkkaConfigurationBuilder WithRegenCache<TKey>(
        this AkkaConfigurationBuilder builder, string name, Action<RegenClusterOptions>? configure = null) =>
        WithRegenCache(builder, name, typeof(TKey), configure);

    /// <summary>
    /// Brings the shards of a killed node back in about 8 seconds instead of 45. For the price see <see
    /// cref="RegenClusterConfig.FastFailover"/>.
    /// </summary>
    /// <param name="builder">The actor system's builder.</param>
    /// <param name="externalStore">Whether the caches have an external store (Redis), which arbitrates.</param>
    public static AkkaConfigurationBuilder WithRegenCacheFastFailover(this AkkaConfigurationBuilder builder, bool externalStore = false)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddHocon(RegenClusterConfig.FastFailover(externalStore), HoconAddMode.Append);
    }

    private static AkkaConfigurationBuilder WithRegenCache(
        AkkaConfigurationBuilder builder, string name, Type? key, Action<RegenClusterOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var options = new RegenClusterOptions();
        configure?.Invoke(options);
        options.Validate(name);
        ClusterNodes.Add(builder, name, options);
        if (!options.DurableSharding)
            KeepShardingInMemory(builder);
        if (options.FastFailoverWithExternalStore is { } externalStore)
            builder.WithRegenCacheFastFailover(externalStore);
        return builder
            .AddHocon(RegenClusterConfig.Hosted, HoconAddMode.Append)
            .AddHocon(RegenClusterConfig.Default, HoconAddMode.Append)
            .StartActors(async (system, registry, resolver) =>
            {
                var nodes = resolver.GetService<ClusterNodes>() ?? throw ClusterNodes.NotRegistered(name, []);
                var lifetime = resolver.GetService<RegenCacheLifetime>();
                var host = resolver.GetService<IHostApplicationLifetime>();
                await ClusterStart.StartAsync(
                    system,
                    nodes.For(name),
                    key,
                    () => lifetime.DrainAsync(name),
                    hasHost: host is not null,
                    isEnding: () => host?.ApplicationStopping.IsCancellationRequested == true).ConfigureAwait(false);
            });
    }

    /// <summary>
    /// Where <c>WithClustering</c> came before, Akka's own default is there already, above our HOCON: it would make sharding open a
    /// database on the disk.
    /// </summary>
    private static void KeepShardingInMemory(AkkaConfigurationBuilder builder)
    {
        const string keys = "akka.cluster.sharding.distributed-data.durable.keys";
        if (builder.Configuration.HasValue && builder.Configuration.Value.GetStringList(keys) is ["shard-*"])
            builder.AddHocon($"{keys} = []", HoconAddMode.Prepend);
    }
}
