using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Hosting;
using AkkaRegenCache.Actors;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Hosting;

/// <summary>Starts a cache's part of an actor system.</summary>
internal static class ClusterStart
{
    /// <summary>Starts the region and the actors; from then on the cache is connected.</summary>
    /// <param name="system">The actor system; its provider is the cluster's.</param>
    /// <param name="node">The cache's place.</param>
    /// <param name="key">The type under which its agent is registered too.</param>
    /// <param name="drain">Lets the cache leave.</param>
    /// <param name="hasHost">Whether a Generic Host hears of signals.</param>
    public static async Task<IActorRef> StartAsync(ActorSystem system, ClusterNode node, Type? key, Func<Task> drain, bool hasHost)
    {
        if (node.Seat is not null)
            throw new InvalidOperationException($"Cache '{node.CacheName}' is started already.");
        system.Settings.InjectTopLevelFallback(RegenClusterConfig.Default);
        EnsureSerializer(system);
        node.Watch = system.ActorOf(PeerWatch.Props(node), ClusterNames.Watch(node.CacheName));
        var sharding = ClusterSharding.Get(system);
        var region = await sharding.StartAsync(
            ClusterNames.Region(node.CacheName),
            shard => CoordinatorActor.Props(node, int.Parse(shard, System.Globalization.CultureInfo.InvariantCulture)),
            SettingsOf(system, node.Options),
            new ShardExtractor(node.Shards),
            AllocationOf(sharding, system, node.Options),
            StopShard.Instance).ConfigureAwait(false);
        var parts = system.ActorOf(ClusterStoreActor.Props(region, node.Time), ClusterNames.Parts(node.CacheName));
        var store = system.ActorOf(StoreActor.Props(), ClusterNames.Store(node.CacheName));

        var agent = system.ActorOf(NodeAgentActor.Props(node, region), ClusterNames.Agent(node.CacheName));
        node.Open(new ClusterSeat(system, DistributedPubSub.Get(system).Mediator, region, agent, store, parts));
        system.RegisterOnTermination(node.Close);
        Register(ActorRegistry.For(system), agent, key);
        Leave(system, node, drain);
        if (node.Options.HandleTerminationSignal ?? !hasHost)
            TerminationSignal.Handle(system);
        return agent;
    }

    private static void Register(ActorRegistry registry, IActorRef agent, Type? key)
    {
        registry.TryRegister<RegenCacheKey>(agent);
        if (key is not null && key != typeof(RegenCacheKey))
            registry.TryRegister(key, agent);
    }

    /// <summary>An actor system that was made without our HOCON knows the serializer by this.</summary>
    private static void EnsureSerializer(ActorSystem system)
    {
        var serialization = ((ExtendedActorSystem)system).Serialization;
        if (serialization.FindSerializerForType(typeof(IWireMessage)) is RegenSerializer)
            return;
        var serializer = new RegenSerializer((ExtendedActorSystem)system);
        serialization.AddSerializer("akka-regencache", serializer);
        serialization.AddSerializationMap(typeof(IWireMessage), serializer);
    }

    private static ClusterShardingSettings SettingsOf(ActorSystem system, RegenClusterOptions options)
    {
        var config = system.Settings.Config;
        var settings = ClusterShardingSettings.Create(
            config.GetConfig("akka.regencache.sharding").WithFallback(config.GetConfig("akka.cluster.sharding")),
            config.GetConfig("akka.cluster.singleton"));
        return options.Role is { } role ? settings.WithRole(role) : settings;
    }

    private static IShardAllocationStrategy AllocationOf(ClusterSharding sharding, ActorSystem system, RegenClusterOptions options) =>
        sharding.DefaultShardAllocationStrategy(SettingsOf(system, options));

    /// <summary>Leaving comes first of all that an actor system does when it ends: while shards, and the connections to them, still are there.</summary>
    private static void Leave(ActorSystem system, ClusterNode node, Func<Task> drain) => CoordinatedShutdown.Get(system).AddTask(
        CoordinatedShutdown.PhaseBeforeServiceUnbind,
        ClusterNames.Agent(node.CacheName) + "-leaves",
        async () =>
        {
            node.SayGoodbye();
            try
            {
                await drain().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                system.Log.Error(e, "Cache '{0}' could not leave in order.", node.CacheName);
            }

            node.Leave();
            return Akka.Done.Instance;
        });
}
