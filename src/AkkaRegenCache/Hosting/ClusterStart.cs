using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Event;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Hosting;

/// <summary>Starts a cache's actors in an actor system.</summary>
internal static class ClusterStart
{
    /// <summary>How often an ending region is asked what it still hosts.</summary>
    private static readonly TimeSpan s_regionPace = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest that its answer may take.</summary>
    private static readonly TimeSpan s_regionPatience = TimeSpan.FromSeconds(2);

    /// <summary>Starts the region and the actors. After that the cache is connected.</summary>
    /// <param name="system">The actor system; its provider is the cluster's.</param>
    /// <param name="node">The cache's connection.</param>
    /// <param name="key">The type under which its agent is registered, too.</param>
    /// <param name="drain">Drains the cache and makes it leave.</param>
    /// <param name="hasHost">Whether a Generic Host handles signals.</param>
    /// <param name="isEnding">Whether the application is about to end, and the cache with it; null: only SIGTERM counts.</param>
    /// <exception cref="InvalidOperationException">The actor system is in no cluster, or the cache is started already.</exception>
    public static async Task<IActorRef> StartAsync(ActorSystem system, ClusterNode node, Type? key, Func<Task> drain, bool hasHost,
        Func<bool>? isEnding = null)
    {
        if (node.Handle is not null)
            throw new InvalidOperationException($"Cache '{node.CacheName}' is started already.");
        EnsureCluster(system, node, hasHost);
        system.Settings.InjectTopLevelFallback(RegenClusterConfig.Default);
        EnsureReplicator(system, node);
        EnsureSerializer(system);
        var start = new ClusterHandleStart(system, node, key);
        node.Watch = start.Watch();
        var region = await start.RegionAsync().ConfigureAwait(false);
        var parts = start.Partitions(region);
        var store = start.Store();
        var agent = start.Agent(region);
        node.Open(new ClusterHandle(system, CachePubSub.MediatorOf(system), region, agent, store, parts));
        End(system, node, isEnding);
        start.Keeper();
        Leave(system, node, drain);
        EndLastRegion(system, node.CacheName, node.Options.Role, region);
        if (node.Options.HandleTerminationSignal ?? !hasHost)
            TerminationSignal.Handle(system);
        return agent;
    }

    /// <summary>Otherwise the actors below would fail one by one, each on its own thread.</summary>
    private static void EnsureCluster(ActorSystem system, ClusterNode node, bool hasHost)
    {
        if (((ExtendedActorSystem)system).Provider is not IClusterActorRefProvider)
        {
            throw new InvalidOperationException(
                $"Cache '{node.CacheName}' uses the cluster, but the actor system '{system.Name}' is in none. "
                + (hasHost
                    ? "Add in AddAkka(…), before .WithRegenCache(…): .WithRemoting(…).WithClustering(…)"
                    : "Add to its HOCON: akka.actor.provider = cluster"));
        }
    }

    /// <summary>
    /// Akka documents this role as unused, and gives it to the replicator of all shard regions without one: their state would be stored
    /// nowhere, and no shard would find a home.
    /// </summary>
    private static void EnsureReplicator(ActorSystem system, ClusterNode node)
    {
        const string key = "akka.cluster.sharding.distributed-data.role";
        if (node.Options.Role is null && system.Settings.Config.GetString(key, "") is { Length: > 0 } role)
        {
            throw new InvalidOperationException(
                $"Cache '{node.CacheName}' can't share the replicator of cluster sharding, which {key} keeps to the role '{role}'. Remove "
                + "that setting; "
                + "regions with a role have a replicator of that role without it.");
        }
    }

    /// <summary>Registers the serializer in an actor system that was created without our HOCON.</summary>
    internal static void EnsureSerializer(ActorSystem system)
    {
        var serialization = ((ExtendedActorSystem)system).Serialization;
        if (serialization.FindSerializerForType(typeof(IWireMessage)) is RegenSerializer)
            return;
        var serializer = new RegenSerializer((ExtendedActorSystem)system);
        serialization.AddSerializer("akka-regencache", serializer);
        serialization.AddSerializationMap(typeof(IWireMessage), serializer);
    }

    /// <summary>
    /// The caches' own settings over Akka's defaults. <c>akka.cluster.sharding</c> and <c>akka.cluster.singleton</c> are meant for the
    /// application's entities: with their role or lease, for example, the coordinators would find no node.
    /// </summary>
    internal static ClusterShardingSettings SettingsOf(ActorSystem system, RegenClusterOptions options)
    {
        var own = system.Settings.Config.GetConfig("akka.regencache");
        var settings = ClusterShardingSettings.Create(
            own.GetConfig("sharding").WithFallback(RegenClusterConfig.ShardingDefaults),
            own.GetConfig("singleton").WithFallback(RegenClusterConfig.SingletonDefaults));
        return settings
            .WithCoordinatorSingletonSettings(settings.CoordinatorSingletonSettings.WithRole(options.Role!))
            .WithRole(options.Role!);
    }

    /// <summary>
    /// A node that has left the cluster or was downed can't join again with this actor system; nor can a terminated system. Several of
    /// these may happen, in any order; the first one is the reason that is logged.
    /// </summary>
    private static void End(ActorSystem system, ClusterNode node, Func<bool>? isEnding)
    {
        node.IsEnding = () => isEnding?.Invoke() == true || TerminationSignal.HasCome;
        var cluster = Cluster.Get(system);
        var shutdown = CoordinatedShutdown.Get(system);
        cluster.RegisterOnMemberRemoved(() => node.End(Why()));
        system.RegisterOnTermination(() => node.End(Why()));

        string Why() => shutdown.ShutdownReason switch
        {
            CoordinatedShutdown.ClusterDowningReason => "this node was downed",
            null when cluster.IsTerminated => "this node was downed",
            null or CoordinatedShutdown.ActorSystemTerminateReason => "its actor system was terminated",
            _ => "this node has left the cluster",
        };
    }

    /// <summary>Leaving is the first step of an ending actor system, while shards and the connections to them still exist.</summary>
    private static void Leave(ActorSystem system, ClusterNode node, Func<Task> drain) => CoordinatedShutdown.Get(system).AddTask(
        CoordinatedShutdown.PhaseBeforeServiceUnbind,
        ClusterNames.Agent(node.CacheName) + "-leaves",
        async () =>
        {
            // A downed node has left already; its cache goes on.
            if (node.HasEnded)
                return Akka.Done.Instance;
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

            // A region that has hosted no shard has none to hand over.
            if (node.Handle is { } handle && await HostsNothingAsync(handle.Region).ConfigureAwait(false))
                handle.Region.Tell(PoisonPill.Instance);
            return Akka.Done.Instance;
        });

    /// <summary>
    /// Akka stops the region in the same phase. The region then waits, for as long as the phase lasts, until its shards are handed over and
    /// until the shards that it has buffered messages for have a home. If no other node can host them, no handoff will happen, so the
    /// region is ended as soon as it hosts no shard. If another node can, the buffered messages may be its own shards' records, on the way
    /// to the next entity.
    /// </summary>
    internal static void EndLastRegion(ActorSystem system, string cacheName, string? role, IActorRef region) =>
        CoordinatedShutdown.Get(system).AddTask(
        CoordinatedShutdown.PhaseClusterShardingShutdownRegion,
        ClusterNames.Agent(cacheName) + "-ends-its-region",
        async () =>
        {
            using var ended = new CancellationTokenSource();
            var gone = region.WatchAsync(ended.Token);
            while (!gone.IsCompleted)
            {
                if (!HasOtherHosts(Cluster.Get(system), role) && await HostsNothingAsync(region).ConfigureAwait(false))
                {
                    region.Tell(PoisonPill.Instance);
                    break;
                }

                await Task.WhenAny(gone, Task.Delay(s_regionPace)).ConfigureAwait(false);
            }

            await ended.CancelAsync().ConfigureAwait(false);
            return Akka.Done.Instance;
        });

    private static bool HasOtherHosts(Cluster cluster, string? role) => cluster.State.Members.Any(member =>
        !member.UniqueAddress.Equals(cluster.SelfUniqueAddress)
            && member.Status is MemberStatus.Up or MemberStatus.WeaklyUp or MemberStatus.Joining
        && (string.IsNullOrEmpty(role) || member.HasRole(role)));

    private static async Task<bool> HostsNothingAsync(IActorRef region)
    {
        try
        {
            var state = await region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, s_regionPatience).ConfigureAwait(false);
            return state.Shards.Count == 0 && state.Failed.Count == 0;
        }
        catch (AskTimeoutException)
        {
            return false;
        }
    }
}
