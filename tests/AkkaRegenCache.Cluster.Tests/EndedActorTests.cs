using Akka.Actor;
using Akka.Hosting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>An actor that a cache needs ends while its node stays a member.</summary>
public sealed class EndedActorTests
{
    public enum Which
    {
        Region,
        Mediator,
        Agent,
        Store,
        Partitions,
        Watch,
    }

    [Theory]
    [InlineData(Which.Region)]
    [InlineData(Which.Mediator)]
    [InlineData(Which.Agent)]
    [InlineData(Which.Store)]
    [InlineData(Which.Partitions)]
    [InlineData(Which.Watch)]
    public async Task An_actor_that_ends_is_started_again_and_the_node_takes_part_as_before(Which which)
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var caches = await cluster.StartAsync("ended");
        var (node, cache) = (caches[1].Node, caches[1].Cache);
        var ended = Of(node, which);
        var restored = new TaskCompletionSource();
        using var spy = node.Attach("spy", message =>
        {
            if (message is LinkRestored)
                restored.TrySetResult();
        });

        // For the second time in a row, too.
        for (var time = 0; time < 2; time++)
        {
            cluster.Nodes[1].System.Stop(ended);
            await Eventually.Holds(() => !Of(node, which).Equals(ended), $"{which} is started again");
            ended = Of(node, which);
        }

        if (which != Which.Watch)
            await restored.Task.WaitAsync(Eventually.Patience);
        await TestCluster.ConnectedAsync(caches);
        await cache.SetAsync("here", "set here");
        await Eventually.Holds(async () => (await caches[0].Cache.TryGetAsync<string>("here")).Value == "set here", "the other node hears it");
        await caches[0].Cache.SetAsync("there", "set there");
        await Eventually.Holds(async () => (await cache.TryGetAsync<string>("there")).Value == "set there", "it hears the other node");
        await Eventually.Holds(() => node.Peers.Any() && caches[0].Node.Peers.Any(), "the nodes know each other");
        Assert.Equal(node.Handle!.Agent, ActorRegistry.For(cluster.Nodes[1].System).Get<RegenCacheKey>());
    }

    [Fact]
    public async Task A_death_is_noticed_by_a_watch_that_was_started_again()
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var caches = await cluster.StartAsync("watched", new InMemoryStore(storesObjects: false));
        var ended = caches[0].Node.Watch!;
        var died = new TaskCompletionSource();
        using var spy = caches[0].Node.Attach("spy", message =>
        {
            if (message is NodeDown down && down.Node == caches[1].Cache.NodeId)
                died.TrySetResult();
        });
        await caches[1].Cache.SetAsync("key", "value");
        await Eventually.Holds(() => caches[0].Node.Peers.Any(peer => peer.Key == caches[1].Cache.NodeId), "the other node is known");

        cluster.Nodes[0].System.Stop(ended);
        await Eventually.Holds(() => !caches[0].Node.Watch!.Equals(ended), "the watch is started again");
        await cluster.Nodes[1].AbortAsync();

        await died.Task.WaitAsync(Eventually.Patience);
    }

    private static IActorRef Of(ClusterNode node, Which which) => which switch
    {
        Which.Region => node.Handle!.Region,
        Which.Mediator => node.Handle!.Mediator,
        Which.Agent => node.Handle!.Agent,
        Which.Store => node.Handle!.Store,
        Which.Partitions => node.Handle!.Partitions,
        _ => node.Watch!,
    };
}
