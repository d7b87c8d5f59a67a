using AkkaRegenCache.Cluster.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>
/// Settings of Akka's cluster that an application has for its own actors, and under which the caches' nodes would have no part in sharding or pub-sub: the
/// caches take nothing from them.
/// </summary>
public sealed class ForeignSettingsTests
{
    [Theory]
    [InlineData("akka.cluster.sharding.role = entities")]
    [InlineData("akka.cluster.sharding { state-store-mode = persistence, remember-entities = on, remember-entities-store = eventsourced }")]
    [InlineData("akka.cluster.sharding { use-lease = a-lease, lease-retry-interval = 5 s }\na-lease.lease-class = \"No.Such, Lease\"")]
    [InlineData("akka.cluster.sharding { passivate-idle-entity-after = 1 s, buffer-size = 1, retry-interval = 1 h, rebalance-interval = 1 h }")]
    [InlineData("akka.cluster.singleton { role = entities, singleton-name = theirs }")]
    [InlineData("akka.cluster.singleton { use-lease = a-lease, lease-retry-interval = 5 s }\na-lease.lease-class = \"No.Such, Lease\"")]
    [InlineData("akka.cluster.pub-sub.role = entities")]
    [InlineData("akka.cluster.pub-sub { name = theirs, gossip-interval = 1 h, max-delta-elements = 1 }")]
    [InlineData("akka.cluster.distributed-data.role = entities")]
    public async Task Nodes_share_keys_and_hear_sets_whatever_the_application_sets_for_its_own_actors(string settings)
    {
        await using var first = new TestNode(settings);
        await using var second = new TestNode(settings);
        first.Cluster.Join(first.Cluster.SelfAddress);
        second.Cluster.Join(first.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([first, second]);
        var one = await first.StartAsync("shared");
        var two = await second.StartAsync("shared");

        await TestCluster.ConnectedAsync([one, two]);

        var runs = 0;
        foreach (var key in Enumerable.Range(0, one.Node.Shards).Select(shard => TestCluster.KeyOf(one.Node, shard, "shared")))
        {
            foreach (var cache in new[] { one, two })
            {
                await cache.Cache.GetOrCreateAsync(key, _ =>
                {
                    Interlocked.Increment(ref runs);
                    return new ValueTask<string>("made");
                });
            }
        }

        Assert.Equal(one.Node.Shards, runs);
        Assert.Equal("made", await two.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
        Assert.False((await one.Cache.SetAsync("key", "set")).IsPending);
        await Eventually.Holds(async () => (await two.Cache.TryGetAsync<string>("key")).Value == "set", "the set is heard");
    }

    /// <summary>Akka says that it isn't used, and yet a replicator without a role gets it.</summary>
    [Fact]
    public async Task A_role_of_sharding_s_replicator_is_refused_where_the_cache_has_none_and_is_not_used_where_it_has_one()
    {
        await using var node = new TestNode("akka.cluster { roles = [caches], sharding.distributed-data.role = entities }");
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => node.StartAsync("refused"));
        Assert.Contains("akka.cluster.sharding.distributed-data.role", error.Message, StringComparison.Ordinal);

        node.Cluster.Join(node.Cluster.SelfAddress);
        await TestCluster.ConnectedAsync([await node.StartAsync("served", configure: o => o.Role = "caches")]);
    }

    [Fact]
    public async Task The_cache_s_own_role_counts_and_not_the_one_of_the_application_s_entities()
    {
        const string settings = "akka.cluster { sharding.role = entities, pub-sub.role = entities, singleton.role = entities }";
        await using var entities = new TestNode(Akka.Configuration.ConfigurationFactory.ParseString("akka.cluster.roles = [entities]").WithFallback(settings));
        await using var caches = new TestNode(Akka.Configuration.ConfigurationFactory.ParseString("akka.cluster.roles = [caches]").WithFallback(settings));
        entities.Cluster.Join(entities.Cluster.SelfAddress);
        caches.Cluster.Join(entities.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([entities, caches]);
        var guest = await entities.StartAsync("roles", configure: o => o.Role = "caches");
        var host = await caches.StartAsync("roles", configure: o => o.Role = "caches");

        await TestCluster.ConnectedAsync([guest, host]);

        Assert.Equal(host.Node.Shards, Homes.Local(host).Count);
        await guest.Cache.SetAsync("key", "value");
        Assert.Equal("value", await host.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
    }
}
