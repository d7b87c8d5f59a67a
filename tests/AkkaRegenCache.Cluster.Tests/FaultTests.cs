using System.Diagnostics;
using Akka.Actor;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Stores;
using Xunit;
using Xunit.Abstractions;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>Actors that crash, nodes that leave and nodes that die.</summary>
public sealed class FaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_node_agent_that_crashed_hears_again_and_lets_the_node_say_again_what_it_holds()
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var caches = await cluster.StartAsync("crash", new InMemoryStore(storesObjects: false));
        var toCrash = 1;
        var restored = new TaskCompletionSource();
        using var spy = caches[0].Node.Attach("spy", message =>
        {
            if (message is LinkRestored)
                restored.TrySetResult();
            else if (Interlocked.Exchange(ref toCrash, 0) == 1)
                throw new InvalidOperationException("planted");
        });

        caches[0].Node.Handle!.Agent.Tell(new ToNode(new ResyncRequested { Shard = 0, Incarnation = 0 }));

        await restored.Task.WaitAsync(Eventually.Patience);
        Assert.Equal(0, toCrash);
        await caches[1].Cache.SetAsync("key", "new");
        await Eventually.Holds(async () => (await caches[0].Cache.TryGetAsync<string>("key")).Value == "new", "it hears what the other node sets");
        await caches[1].Cache.SetAsync("key", "newer");
        await Eventually.Holds(async () => (await caches[0].Cache.TryGetAsync<string>("key")).Value == "newer", "it hears what the other node sets");
    }

    [Fact]
    public async Task Calls_under_way_fail_when_the_store_actor_crashes_and_the_next_ones_work()
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var inner = new InMemoryStore(storesObjects: false);
        var held = new HeldStore(inner);
        var cache = (await cluster.StartAsync("crash", held))[0];
        var front = cache.Store.ForCache("crash");
        held.Hold = true;
        var pending = front.ReadAsync(new ReadRequest { Key = "key" }).AsTask();
        var queued = front.ReadAsync(new ReadRequest { Key = "key" }).AsTask();
        await Eventually.Holds(() => held.Held == 1, "a read is under way");

        cache.Node.Handle!.Store.Tell(new StoreJobDone(null!, null, null));

        await Assert.ThrowsAsync<InvalidOperationException>(() => pending.WaitAsync(Eventually.Patience));
        await Assert.ThrowsAsync<InvalidOperationException>(() => queued.WaitAsync(Eventually.Patience));
        held.Hold = false;
        Assert.Null((await front.ReadAsync(new ReadRequest { Key = "key" }).AsTask().WaitAsync(Eventually.Patience)).Record);
        Assert.Equal("made", await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
    }

    [Fact]
    public async Task A_coordinator_that_fails_is_followed_by_a_later_incarnation_and_the_store_beside_it_goes_on()
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var machines = new Machines();
        var cache = (await cluster.StartAsync("crash", configure: o => o.MakeCoordinator = machines.Make))[0];
        await cache.Cache.SetAsync("key", "kept");
        var shard = cache.Node.ShardOf("key");
        await Eventually.Holds(() => machines.Of(shard).Count == 1, "the shard has a coordinator");

        cache.Node.Send(shard, new AwaitEnded { Node = cache.Cache.NodeId, Key = Machines.Poison });

        await Eventually.Holds(() => machines.Of(shard).Count == 2, "a new incarnation begins");
        var (first, second) = (machines.Of(shard)[0], machines.Of(shard)[1]);
        Assert.True(second.Incarnation > first.Incarnation);
        await Eventually.Holds(() => second.Heard.OfType<Tick>().Any(), "it begins with a resync");
        await using var fresh = new RegenCache("crash", store: new ClusterStore(cache.Node));
        Assert.Equal("kept", (await fresh.TryGetAsync<string>("key")).Value);
    }

    [Fact]
    public async Task A_message_at_which_a_shard_s_store_fails_is_answered_with_a_failure_and_costs_no_record()
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var cache = (await cluster.StartAsync("crash"))[0];
        var store = new ClusterStore(cache.Node);
        await store.WriteAsync(Write("key", [1, 2, 3]));
        var before = await store.ReadAsync(new ReadRequest { Key = "key" });
        var shard = cache.Node.ShardOf("key");

        // Nothing of the kind ever comes over the wire.
        var poison = new PartitionCall(shard, new ReadRequest { Key = null! });
        cache.Node.Handle!.Partitions.Tell(poison);
        cache.Node.Handle!.Region.Tell(new ToShard(shard, new RecordsRecovered { Node = "n", Epoch = before.Epoch, Records = null! }));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => poison.Answer.WaitAsync(Eventually.Patience));
        Assert.Contains(nameof(ArgumentNullException), error.Message, StringComparison.Ordinal);
        var after = await store.ReadAsync(new ReadRequest { Key = "key" });
        Assert.Equal((before.Epoch, before.Record!.Token), (after.Epoch, after.Record!.Token));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_that_leaves_lets_its_generator_end_and_nobody_runs_it_again(bool external)
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var caches = await cluster.StartAsync("leave", External(external));
        var key = await KeyAsync(caches[2], isOwnedHere: false);
        var begun = new TaskCompletionSource();
        var mayEnd = new TaskCompletionSource();
        var runs = 0;
        async ValueTask<string> Generate(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            begun.TrySetResult();
            await mayEnd.Task;
            return "made by the one that left";
        }

        var answer = caches[2].Cache.GetOrCreateAsync(key, Generate).AsTask();
        await begun.Task.WaitAsync(Eventually.Patience);
        var others = caches[..2].Select(cache => cache.Cache.GetOrCreateAsync(key, Generate).AsTask()).ToList();
        var left = cluster.Nodes[2].LeaveAsync();
        mayEnd.SetResult();

        await left;
        Assert.Equal("made by the one that left", await answer.WaitAsync(Eventually.Patience));
        foreach (var other in others)
            Assert.Equal("made by the one that left", await other.WaitAsync(Eventually.Patience));
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task Records_of_a_node_that_leaves_are_handed_over_and_their_shards_go_on_with_the_same_life()
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var caches = await cluster.StartAsync("handover", options: new RegenCacheOptions { StoreWriteTimeout = TimeSpan.FromSeconds(10) });
        var stays = new ClusterStore(caches[0].Node);
        var large = new byte[300_000];
        new Random(3).NextBytes(large);
        var lives = new string[caches[0].Node.Shards];
        for (var shard = 0; shard < lives.Length; shard++)
        {
            var key = TestCluster.KeyOf(caches[0].Node, shard);
            await stays.WriteAsync(Write(key, large));
            lives[shard] = (await stays.CheckAsync([key])).Epoch;
        }

        var claimed = await stays.ClaimAsync(new ClaimRequest
        {
            Key = "claimed",
            Operation = new OperationId("test", 1000),
            Owner = "test",
            Lease = TimeSpan.FromMinutes(1),
        });
        var watch = Stopwatch.StartNew();
        await cluster.Nodes[2].LeaveAsync();
        output.WriteLine($"the node left in {watch.ElapsedMilliseconds} ms");

        for (var shard = 0; shard < lives.Length; shard++)
        {
            var key = TestCluster.KeyOf(caches[0].Node, shard);
            await Eventually.Holds(() => TestCluster.AnswersAsync(stays, key), $"shard {shard} answers");
            var read = await stays.ReadAsync(new ReadRequest { Key = key });
            Assert.Equal(lives[shard], read.Epoch);
            Assert.Equal(large, read.Record!.Payload!.Bytes!.Value.ToArray());
        }

        output.WriteLine($"all shards answered after {watch.ElapsedMilliseconds} ms");
        var renewed = await stays.RenewAsync([new HeldClaim("claimed", claimed.Token)], TimeSpan.FromMinutes(1));
        Assert.Equal([RenewOutcome.Held], renewed.Outcomes);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task When_a_generating_node_dies_another_takes_over_and_everybody_is_answered(bool external, bool withCoordinator)
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var shared = External(external);

        // So long that it is the coordinator which lets another node take over, or the nodes themselves do, or nobody in time.
        var options = new RegenCacheOptions { LeaveTimeout = TimeSpan.Zero, ClaimLease = TimeSpan.FromMinutes(1) };
        var stores = cluster.Nodes.Select(_ => shared is null ? null : new SeverableStore(shared)).ToList();
        var caches = new TestCache[3];
        for (var i = 0; i < caches.Length; i++)
            caches[i] = await cluster.Nodes[i].StartAsync("die", stores[i], options: options);
        await TestCluster.ConnectedAsync(caches);
        var key = await KeyAsync(caches[2], isOwnedHere: withCoordinator);
        var begun = new TaskCompletionSource();
        _ = caches[2].Cache.GetOrCreateAsync(key, async cancellationToken =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "never";
        }).AsTask();
        await begun.Task.WaitAsync(Eventually.Patience);
        var waiting = caches[..2].Select(cache => cache.Cache.GetOrCreateAsync(key, _ => new ValueTask<string>("taken over")).AsTask()).ToList();

        var watch = Stopwatch.StartNew();
        stores[2]?.Cut();
        await cluster.Nodes[2].AbortAsync();

        foreach (var answer in waiting)
            Assert.Equal("taken over", await answer.WaitAsync(Eventually.Patience));
        // The shard's next coordinator comes seconds later.
        output.WriteLine($"taken over after {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(withCoordinator ? 4 : 10));
    }

    [Fact]
    public async Task A_broken_connection_tells_the_coordinator_of_a_dead_node_at_once()
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var machines = new Machines();
        var caches = await cluster.StartAsync("suspect", new InMemoryStore(storesObjects: false), o => o.MakeCoordinator = machines.Make);
        var shards = Enumerable.Range(0, caches[0].Node.Shards).ToList();
        foreach (var shard in shards)
            caches[2].Node.Send(shard, new NodeLeaving { Node = caches[2].Cache.NodeId });
        await Eventually.Holds(
            () => shards.TrueForAll(shard => machines.Of(shard)[^1].Heard.OfType<NodeLeaving>().Any(m => m.Node == caches[2].Cache.NodeId)),
            "all coordinators have heard of the node");
        var own = Homes.Local(caches[2]).Count;

        var watch = Stopwatch.StartNew();
        await cluster.Nodes[2].AbortAsync();
        await Eventually.Holds(
            () => shards.Count(shard => machines.Of(shard).Any(m => m.Heard.OfType<NodeDown>().Any(down => down.Node == caches[2].Cache.NodeId))) >= shards.Count - own,
            "all coordinators that are left know that it is dead");

        output.WriteLine($"suspected after {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Nodes_know_each_other_before_they_have_done_anything_and_miss_one_that_dies()
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var caches = await cluster.StartAsync("idle", new InMemoryStore(storesObjects: false));
        var lost = caches[2].Cache.NodeId;
        await Eventually.Holds(
            () => caches.All(cache => caches.All(other => other == cache || cache.Node.Peers.Any(peer => peer.Key == other.Cache.NodeId))), "all know all others");
        var down = 0;
        using var spy = caches[0].Node.Attach("spy", message => down += message is NodeDown { Node: var node } && node == lost ? 1 : 0);

        await cluster.Nodes[2].AbortAsync();
        await Eventually.Holds(() => down > 0, "its death is noticed");
    }

    [Fact]
    public async Task Shards_of_a_dead_node_come_back_and_those_of_others_never_went()
    {
        await using var cluster = await TestCluster.StartNewAsync();
        var caches = await cluster.StartAsync("back");
        var store = new ClusterStore(caches[0].Node);
        var watch = Stopwatch.StartNew();
        await cluster.Nodes[2].AbortAsync();

        for (var shard = 0; shard < caches[0].Node.Shards; shard++)
        {
            var key = TestCluster.KeyOf(caches[0].Node, shard);
            await Eventually.Holds(() => TestCluster.AnswersAsync(store, key), $"shard {shard} answers");
        }

        output.WriteLine($"all shards are back after {watch.ElapsedMilliseconds} ms");
        Assert.Equal("made", await caches[0].Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cache_answers_before_its_node_is_a_member_and_works_with_the_others_afterwards(bool external)
    {
        await using var first = new TestNode();
        await using var second = new TestNode();
        var store = External(external);
        var one = await first.StartAsync("early", store);
        var two = await second.StartAsync("early", store);

        Assert.Equal("early", await one.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("early")).AsTask().WaitAsync(Eventually.Patience));
        Assert.False(one.Node.IsUp);

        first.Cluster.Join(first.Cluster.SelfAddress);
        second.Cluster.Join(first.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([first, second]);
        await TestCluster.ConnectedAsync([one, two]);
        await two.Cache.SetAsync("other", "late");
        await Eventually.Holds(async () => (await one.Cache.TryGetAsync<string>("other")).Value == "late", "the nodes see each other's sets");
    }

    private static InMemoryStore? External(bool external) => external ? new InMemoryStore(storesObjects: false) : null;

    /// <summary>A key whose shard is on the cache's own node, or is not. Where all shards went elsewhere, or all here, the next rebalancing moves some.</summary>
    private static async Task<string> KeyAsync(TestCache cache, bool isOwnedHere)
    {
        int? shard = null;
        await Eventually.Holds(
            () =>
            {
                var local = Homes.Local(cache);
                shard = Enumerable.Range(0, cache.Node.Shards).Where(shard => local.Contains(shard) == isOwnedHere).Select(shard => (int?)shard).FirstOrDefault();
                return shard is not null;
            },
            isOwnedHere ? "the node has a shard" : "other nodes have shards, too");
        return TestCluster.KeyOf(cache.Node, shard!.Value);
    }

    private static WriteRequest Write(string key, byte[] value) => new()
    {
        Key = key,
        Operation = new OperationId("test", key.GetHashCode(StringComparison.Ordinal)),
        Payload = CachePayload.FromBytes(value),
        Schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(5) },
    };
}
