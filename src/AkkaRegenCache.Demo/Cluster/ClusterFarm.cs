using AkkaRegenCache.Demo.Farm;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>Nodes in the demo's process, each with an actor system of its own, that are one Akka cluster; it stores the values, too.</summary>
internal sealed class ClusterFarm : FarmKind
{
    private string? _seed;

    public override string Where => "in this process, an Akka cluster that stores the values";

    public override bool IsCluster => true;

    public override async Task<FarmNode> StartAsync(int number, Uri origin, bool isNewcomer, Action<string> tell)
    {
        ClusterNode node = await ClusterNode.StartAsync(number, origin, redis: null, _seed, isNewcomer, _seed is null ? tell : null);
        _seed ??= node.ClusterAddress;
        return node;
    }
}
