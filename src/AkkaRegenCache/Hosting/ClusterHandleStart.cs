using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using AkkaRegenCache.Actors;

namespace AkkaRegenCache.Hosting;

/// <summary>Starts a cache's actors in an actor system, for the first time or in place of ended ones.</summary>
/// <param name="system">The actor system.</param>
/// <param name="node">The cache's node.</param>
/// <param name="key">The type under which its agent is registered, too.</param>
internal sealed class ClusterHandleStart(ActorSystem system, ClusterNode node, Type? key)
{
    /// <summary>The region. An existing one is reused if its end was not noticed.</summary>
    public Task<IActorRef> RegionAsync()
    {
        var sharding = ClusterSharding.Get(system);
        var settings = ClusterStart.SettingsOf(system, node.Options);
        return sharding.StartAsync(
            ClusterNames.Region(node.CacheName),
            shard => CoordinatorActor.Props(node, int.Parse(shard, CultureInfo.InvariantCulture)),
            settings,
            new ShardExtractor(node.Shards),
            sharding.DefaultShardAllocationStrategy(settings),
            StopShard.Instance);
    }

    public IActorRef Watch() => system.ActorOf(PeerFailureDetector.Props(node), ClusterNames.Watch(node.CacheName));

    public IActorRef Store() => system.ActorOf(StoreActor.Props(), ClusterNames.Store(node.CacheName));

    public IActorRef Partitions(IActorRef region) =>
        system.ActorOf(ClusterStoreActor.Props(region, node.Time), ClusterNames.Partitions(node.CacheName));

    /// <summary>The agent, which is registered.</summary>
    /// <param name="region">The shard region.</param>
    /// <param name="instead">The ended agent that it replaces; null: none.</param>
    public IActorRef Agent(IActorRef region, IActorRef? instead = null)
    {
        var agent = system.ActorOf(NodeAgentActor.Props(node, region), ClusterNames.Agent(node.CacheName));
        var registry = ActorRegistry.For(system);
        if (!registry.TryGet<RegenCacheKey>(out var known) || known.Equals(instead))
            registry.TryRegister<RegenCacheKey>(agent, overwrite: true);
        if (key is not null && key != typeof(RegenCacheKey))
            registry.TryRegister(key, agent, overwrite: instead is not null);
        return agent;
    }

    /// <summary>Starts the keeper, which watches all of them. It is not a child of an actor of the application.</summary>
    public void Keeper() =>
        ((ExtendedActorSystem)system).SystemActorOf(ClusterHandleKeeper.Props(node, this), ClusterNames.Keeper(node.CacheName));
}
