using Akka.Actor;
using Akka.Cluster.Sharding;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>Where shards live.</summary>
internal static class Homes
{
    /// <summary>The shards whose entity is on the cache's node.</summary>
    public static IReadOnlySet<int> Local(TestCache cache)
    {
        var state = cache.Node.Handle!.Region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, TimeSpan.FromSeconds(10)).GetAwaiter().GetResult();
        return state.Shards.Select(s => int.Parse(s.ShardId, System.Globalization.CultureInfo.InvariantCulture)).ToHashSet();
    }
}
