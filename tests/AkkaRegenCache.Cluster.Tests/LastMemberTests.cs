using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>The last node of a cluster has nobody to hand anything to.</summary>
public sealed class LastMemberTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(9);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lone_member_leaves_without_waiting_for_messages_that_nobody_takes(bool external)
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var cache = (await cluster.StartAsync("lone", external ? new InMemoryStore(storesObjects: false) : null))[0];
        await cache.Cache.SetAsync("key", "value");

        // Sharding's phase of the shutdown alone has ten seconds.
        await cluster.Nodes[0].LeaveAsync().WaitAsync(s_soon);
    }
}
