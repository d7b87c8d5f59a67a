using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>Keys by their shard.</summary>
internal static class Keys
{
    public static string InShard(ClusterNode place, int shard, string prefix = "key") =>
        Enumerable.Range(0, int.MaxValue).Select(i => $"{prefix}{i}").First(key => place.ShardOf(key) == shard);
}
