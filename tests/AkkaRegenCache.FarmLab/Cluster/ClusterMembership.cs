using System.Globalization;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Wire;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.FarmLab.Cluster;

/// <summary>What a node knows of its place in the cluster, asked from Akka itself.</summary>
internal sealed class ClusterMembership(IServiceProvider provider) : INodeMembership
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly int s_shards = new RegenClusterOptions().Shards;

    private ActorSystem? _system;
    private volatile bool _isIn;

    /// <summary>A member of the cluster, whose region the shards' coordinator knows. Once that is so it remains so: a balancer asks every 20 ms.</summary>
    public async ValueTask<bool> IsInAsync()
    {
        if (_isIn)
            return true;

        // The actor system is there when the host has started it; asking the container sooner would have it started by the wrong one.
        _system ??= provider.GetRequiredService<ActorSystem>();
        var cluster = Akka.Cluster.Cluster.Get(_system);
        if (cluster.SelfMember.Status != MemberStatus.Up)
            return false;
        try
        {
            var regions = await Region(_system).Ask<CurrentRegions>(GetCurrentRegions.Instance, s_patience);
            _isIn = regions.Regions.Contains(cluster.SelfAddress);
        }
        catch (AskTimeoutException)
        {
            // Nobody coordinates the shards yet.
        }

        return _isIn;
    }

    public bool IsOut => _isIn && _system is { } system
        && (Akka.Cluster.Cluster.Get(system) is { IsTerminated: true } or { SelfMember.Status: MemberStatus.Down or MemberStatus.Removed });

    public async Task<ShardsReply> ShardsAsync(string[] keys)
    {
        _system ??= provider.GetRequiredService<ActorSystem>();
        var state = await Region(_system).Ask<CurrentShardRegionState>(GetShardRegionState.Instance, s_patience);
        var cluster = Akka.Cluster.Cluster.Get(_system);
        return new ShardsReply(
            s_shards,
            [.. state.Shards.Select(shard => int.Parse(shard.ShardId, CultureInfo.InvariantCulture)).Order()],
            cluster.State.Members.OrderBy(member => member, Member.AgeOrdering).FirstOrDefault()?.UniqueAddress == cluster.SelfUniqueAddress,
            [.. keys.Select(key => StableHash.ShardOf(key, s_shards))]);
    }

    private static IActorRef Region(ActorSystem system) => ClusterSharding.Get(system).ShardRegion(ClusterNames.Region(NodeModes.Cache));
}
