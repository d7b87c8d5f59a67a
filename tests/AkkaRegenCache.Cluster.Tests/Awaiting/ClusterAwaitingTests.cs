using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Awaiting;

/// <summary>D21: messages that are published on one node of a real cluster, and awaited on others.</summary>
[Trait("Row", "D21")]
public sealed class ClusterAwaitingTests(TestCluster cluster) : IClassFixture<TestCluster>
{
    [Fact]
    public async Task A_message_completes_its_awaiters_on_all_nodes_once_and_no_others()
    {
        var nodes = await cluster.StartTopicAsync("once");
        var awaiters = nodes.SelectMany(node => Enumerable.Range(0, 5).Select(_ => node.Register("1"))).ToList();
        var others = nodes.Select(node => node.Register("2")).ToList();

        Assert.True(await nodes[1].PublishAsync(new Done("1", "first")));

        foreach (var awaiter in awaiters)
            Assert.Equal("first", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
        Assert.DoesNotContain(others, other => other.Task.IsCompleted);
        others.ForEach(other => other.Dispose());
        Assert.All(nodes, node => Assert.Equal(0, node.Awaiters.AwaiterCount));
        foreach (var node in nodes)
            node.Dispose();
    }

    [Fact]
    public async Task A_thousand_awaiters_on_three_nodes_all_complete()
    {
        const int Keys = 100;
        var nodes = await cluster.StartTopicAsync("thousand");
        var awaiters = Enumerable.Range(0, 1_000)
            .Select(i => (Key: $"{i % Keys}", Awaiter: nodes[i % nodes.Length].Register($"{i % Keys}")))
            .ToList();

        await Task.WhenAll(Enumerable.Range(0, Keys).Select(key => Task.Run(async () =>
            Assert.True(await nodes[key % nodes.Length].PublishAsync(new Done($"{key}", $"state {key}"))))));

        foreach (var (key, awaiter) in awaiters)
            Assert.Equal($"state {key}", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
        Assert.All(nodes, node => Assert.Equal((0, 0), (node.Awaiters.AwaiterCount, node.Awaiters.KeyCount)));
    }

    [Fact]
    public async Task The_largest_message_that_is_taken_fits_a_frame_and_a_larger_one_is_an_error_that_names_the_limit()
    {
        var nodes = await cluster.StartTopicAsync("large");
        var limit = nodes[0].MaximumMessageBytes;
        var around = "{\"Id\":\"1\",\"State\":\"\"}".Length + 1;
        using var awaiter = nodes[2].Register("1");

        await nodes[0].PublishAsync(new Done("1", new string('x', limit - around)));
        Assert.Equal(limit - around, (await awaiter.Task.WaitAsync(Eventually.Patience)).State.Length);

        var error = await Assert.ThrowsAsync<ArgumentException>(
            async () => await nodes[0].PublishAsync(new Done("1", new string('x', limit - around + 1))));
        Assert.Contains("MaximumMessageBytes is 100,000", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hostile_bytes_on_the_topic_are_dropped_with_a_line_in_the_log_and_the_next_message_is_heard()
    {
        var log = new LogLines();
        CorrelatedAwaiting<Done, string>[] nodes =
            [await cluster.Nodes[0].StartTopicAsync("hostile"), await cluster.Nodes[1].StartTopicAsync("hostile", log: log)];
        await Topics.ConnectedAsync(nodes);
        using var awaiter = nodes[1].Register("1");
        byte[][] hostile =
            [[], [0xA7], [1, 2, 3], [0xA7, 9, .. new byte[20]], [0xA7, 1, .. new byte[8], 2, .. "nonsense"u8], new byte[50_000]];

        foreach (var bytes in hostile)
            cluster.Nodes[0].Mediator().Tell(new Publish(Topics.NameOf("hostile"), new ToNode(new CorrelatedMessage(bytes))));
        cluster.Nodes[0].Mediator().Tell(new Publish(Topics.NameOf("hostile"), new ToNode(new AskAgain(1))));
        await nodes[0].PublishAsync(new Done("1", "after"));

        Assert.Equal("after", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
        Assert.Contains(
            log.At(LogLevel.Warning), line => line.Contains("Topic 'hostile': a message was dropped", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Topics_and_caches_of_one_name_do_not_meet()
    {
        var caches = await cluster.StartAsync("await-same");
        var nodes = await cluster.StartTopicAsync("same");
        var others = await cluster.StartTopicAsync("same:keeper");
        using var awaiter = nodes[0].Register("1");
        using var other = others[0].Register("1");

        await others[1].PublishAsync(new Done("1", "other"));
        await caches[1].Cache.SetAsync("1", "set");

        Assert.Equal("other", (await other.Task.WaitAsync(Eventually.Patience)).State);
        await Eventually.Holds(async () => (await caches[0].Cache.TryGetAsync<string>("1")).Value == "set", "the cache hears its own");
        Assert.False(awaiter.Task.IsCompleted);
    }

    [Fact]
    public async Task A_topic_that_is_started_twice_is_an_error_and_the_first_goes_on()
    {
        var nodes = await cluster.StartTopicAsync("twice");

        await Assert.ThrowsAsync<InvalidActorNameException>(() => cluster.Nodes[0].StartTopicAsync("twice"));

        await Topics.ConnectedAsync(nodes);
    }

    [Fact]
    public async Task Awaiters_are_asked_for_by_message_too()
    {
        var nodes = await cluster.StartTopicAsync("asked");
        var actor = await cluster.Nodes[0].ActorAsync("asked");

        // The awaiter stands when the reply comes: what brings the message about may be sent.
        var awaiter = await actor.Ask<CorrelatedAwaiter<Done>>(new RegisterAwaiter<string>("1"), Eventually.Patience);
        var waiting = actor.AwaitMessageAsync<Done, string>("1", Eventually.Patience);
        await Eventually.Holds(() => nodes[0].Awaiters.AwaiterCount == 2, "both wait");
        var other = await cluster.Nodes[1].ActorAsync("asked");
        Assert.True((await other.Ask<MessagePublished>(new PublishMessage<Done>(new Done("1", "packed")), Eventually.Patience)).IsSent);

        Assert.Equal("packed", (await awaiter.Task.WaitAsync(Eventually.Patience)).State);
        Assert.Equal("packed", (await waiting).State);
        Assert.Equal(0, nodes[0].Awaiters.AwaiterCount);
    }

    [Fact]
    public async Task Who_asks_and_gives_up_leaves_nothing()
    {
        var nodes = await cluster.StartTopicAsync("patience");
        var actor = await cluster.Nodes[0].ActorAsync("patience");
        using var cancellation = new CancellationTokenSource();
        var cancelled = actor.AwaitMessageAsync<Done, string>("1", Eventually.Patience, cancellation.Token);
        await Eventually.Holds(() => nodes[0].Awaiters.AwaiterCount == 1, "it waits");

        await Assert.ThrowsAsync<AskTimeoutException>(() => actor.AwaitMessageAsync<Done, string>("2", TimeSpan.FromMilliseconds(50)));
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        await Eventually.Holds(() => nodes[0].Awaiters.AwaiterCount == 0, "nothing is left");
    }

    [Fact]
    public async Task What_can_not_be_asked_is_a_failure_and_no_silence()
    {
        var nodes = await cluster.StartTopicAsync("failures", new CorrelatedAwaitingOptions<string> { MaximumMessageBytes = 100 });
        var actor = await cluster.Nodes[0].ActorAsync("failures");

        var types = await Assert.ThrowsAsync<ArgumentException>(() => actor.Ask<Done>(new AwaitMessage<int>(1), Eventually.Patience));
        Assert.Contains("System.String", types.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(
            () => actor.Ask<MessagePublished>(new PublishMessage<Done>(new Done("1", new string('x', 100))), Eventually.Patience));
        await Assert.ThrowsAsync<ArgumentNullException>(
            () => actor.Ask<MessagePublished>(new PublishMessage<Done>(null!), Eventually.Patience));
        await Assert.ThrowsAsync<ArgumentNullException>(() => actor.Ask<Done>(new AwaitMessage<string>(null!), Eventually.Patience));

        await Topics.ConnectedAsync(nodes);
    }
}
