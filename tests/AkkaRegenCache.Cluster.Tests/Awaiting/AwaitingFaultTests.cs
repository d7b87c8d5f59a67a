using Akka.Actor;
using Akka.Configuration;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Awaiting;

/// <summary>D21: what the awaiters of a cluster's nodes go through when something of it ends or was never there.</summary>
[Trait("Row", "D21")]
public sealed class AwaitingFaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_actor_or_mediator_that_ends_is_started_again_and_no_awaiter_is_lost(bool hasCache)
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        if (hasCache)
            await cluster.StartAsync("beside");
        var nodes = await cluster.StartTopicAsync("ended");
        using var awaiter = nodes[1].Register("1");
        var asked = (await cluster.Nodes[1].ActorAsync("ended")).Ask<Done>(new Messages.AwaitMessage<string>("1"), Eventually.Patience);
        await Eventually.Holds(() => nodes[1].Awaiters.AwaiterCount == 2, "both wait");

        // For the second time in a row, too.
        for (var round = 0; round < 2; round++)
        {
            var actor = await cluster.Nodes[1].ActorAsync("ended");
            cluster.Nodes[1].System.Stop(actor);
            await Eventually.Holds(() => IsReplacedAsync(cluster.Nodes[1], actor), "the actor is started again");
            await Topics.ConnectedAsync(nodes);

            var mediator = cluster.Nodes[1].Mediator();
            cluster.Nodes[1].System.Stop(mediator);
            await Eventually.Holds(() => !cluster.Nodes[1].Mediator().Equals(mediator), "the mediator is started again");
            await Topics.ConnectedAsync(nodes);
        }

        Assert.Equal(2, nodes[1].Awaiters.AwaiterCount);
        await nodes[0].PublishAsync(new Done("1", "packed"));
        Assert.Equal("packed", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
        Assert.Equal("packed", (await asked).State);
    }

    [Fact]
    public async Task An_actor_that_crashes_loses_no_awaiter_and_hears_on()
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var nodes = await cluster.StartTopicAsync("crashed");
        using var awaiter = nodes[1].Register("1");
        var actor = (IInternalActorRef)await cluster.Nodes[1].ActorAsync("crashed");

        // As its supervisor does when it has thrown.
        actor.Suspend();
        actor.Restart(new InvalidOperationException("planted"));
        await Topics.ConnectedAsync(nodes);

        Assert.Same(actor, await cluster.Nodes[1].ActorAsync("crashed"));
        await nodes[0].PublishAsync(new Done("1", "packed"));
        Assert.Equal("packed", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
    }

    [Fact]
    public async Task A_node_that_leaves_ends_nobody_s_wait_and_the_others_hear_each_other()
    {
        await using var cluster = await TestCluster.StartNewAsync(3);
        var nodes = await cluster.StartTopicAsync("left");
        using var there = nodes[2].Register("1");
        using var here = nodes[0].Register("1");

        await cluster.Nodes[2].LeaveAsync();

        // Its own awaiters are still reached by its own messages: nothing that a caller does there fails because the cluster is gone.
        Assert.False(await nodes[2].PublishAsync(new Done("1", "after the end")));
        Assert.Equal("after the end", (await there.Task.WaitAsync(Eventually.Patience)).State);
        Assert.False(here.Task.IsCompleted);
        await nodes[1].PublishAsync(new Done("1", "from a member"));
        Assert.Equal("from a member", (await here.Task.WaitAsync(Eventually.Patience)).State);

        using var last = nodes[2].Register("2");
        nodes[2].Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => last.Task.WaitAsync(Eventually.Patience));
    }

    [Fact]
    public async Task A_node_that_is_killed_costs_the_others_nothing()
    {
        await using var cluster = await TestCluster.StartNewAsync(3);
        var nodes = await cluster.StartTopicAsync("killed");
        using var awaiter = nodes[0].Register("1");

        await cluster.Nodes[2].AbortAsync();
        await nodes[1].PublishAsync(new Done("1", "packed"));

        Assert.Equal("packed", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
    }

    [Fact]
    public async Task A_node_that_joins_later_hears_and_is_heard()
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var nodes = await cluster.StartTopicAsync("joined");

        var newcomer = await (await cluster.AddAsync()).StartTopicAsync("joined");

        await Topics.ConnectedAsync([.. nodes, newcomer]);
    }

    [Fact]
    public async Task Before_the_cluster_is_up_messages_reach_this_node_alone_and_afterwards_all()
    {
        await using var first = new TestNode();
        await using var second = new TestNode();
        using var one = await first.StartTopicAsync("early");
        using var two = await second.StartTopicAsync("early");
        using var here = one.Register("1");
        using var there = two.Register("1");

        Assert.False(await one.PublishAsync(new Done("1", "early")));
        Assert.Equal("early", (await here.Task.WaitAsync(Eventually.Patience)).State);
        Assert.False(there.Task.IsCompleted);

        first.Cluster.Join(first.Cluster.SelfAddress);
        second.Cluster.Join(first.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([first, second]);
        await Topics.ConnectedAsync([one, two]);
    }

    [Theory]
    [InlineData("akka.cluster.pub-sub.role = entities")]
    [InlineData("akka.cluster.pub-sub { name = theirs, gossip-interval = 1 h, max-delta-elements = 1 }")]
    public async Task Nodes_hear_each_other_whatever_the_application_sets_for_its_own_mediator(string settings)
    {
        await using var first = new TestNode(settings);
        await using var second = new TestNode(settings);
        first.Cluster.Join(first.Cluster.SelfAddress);
        second.Cluster.Join(first.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([first, second]);

        await Topics.ConnectedAsync([await first.StartTopicAsync("foreign"), await second.StartTopicAsync("foreign")]);
    }

    [Fact]
    public async Task Messages_that_no_frame_can_take_are_an_error_at_the_start_that_names_both_limits()
    {
        await using var node = new TestNode(ConfigurationFactory.ParseString("akka.remote.dot-netty.tcp.maximum-frame-size = 64000b"));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => node.StartTopicAsync("frames"));

        Assert.Contains("MaximumMessageBytes is 100,000", error.Message, StringComparison.Ordinal);
        Assert.Contains("64,000", error.Message, StringComparison.Ordinal);
        await node.StartTopicAsync("frames", new CorrelatedAwaitingOptions<string> { MaximumMessageBytes = 50_000 });
    }

    [Fact]
    public async Task An_actor_system_that_is_in_no_cluster_is_an_error_that_tells_the_setting()
    {
        using var system = ActorSystem.Create("alone", "akka { loglevel = OFF, stdout-loglevel = OFF }");

        var error = await Assert.ThrowsAsync<InvalidOperationException>(
            () => system.StartCorrelatedAwaitingAsync<Done, string>("alone", done => done.Id));

        Assert.Contains("akka.actor.provider = cluster", error.Message, StringComparison.Ordinal);
        await system.Terminate();
    }

    private static async Task<bool> IsReplacedAsync(TestNode node, IActorRef actor)
    {
        try
        {
            return !(await node.ActorAsync("ended")).Equals(actor);
        }
        catch (ActorNotFoundException)
        {
            return false;
        }
    }
}
