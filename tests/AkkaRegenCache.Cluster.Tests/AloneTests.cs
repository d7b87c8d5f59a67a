using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>A node has left the cluster, was downed or has lost its actor system, and its cache isn't disposed of.</summary>
public sealed class AloneTests
{
    public enum WayOut
    {
        Leaves,
        IsDowned,
        IsTerminated,
    }

    // What isn't regenerated is shown for so long that no reader brings a run about.
    private static readonly RegenEntryOptions s_often = new()
    {
        RegenerationInterval = TimeSpan.FromMilliseconds(300),
        InactiveRetention = TimeSpan.FromHours(1),
        ExpiryTolerance = TimeSpan.FromHours(1),
    };

    public static TheoryData<WayOut, bool> Ends => new()
    {
        { WayOut.Leaves, true },
        { WayOut.Leaves, false },
        { WayOut.IsDowned, true },
        { WayOut.IsDowned, false },
        { WayOut.IsTerminated, true },
        { WayOut.IsTerminated, false },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_cache_whose_node_is_out_of_the_cluster_goes_on_and_says_so_once(WayOut end, bool external)
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var (runs, log) = (0, new LogLines());
        IExternalStore? store = external ? new InMemoryStore(storesObjects: false) : null;
        var stays = await cluster.Nodes[0].StartAsync("alone", store);
        var goes = await cluster.Nodes[1].StartAsync("alone", store, logger: log);
        await TestCluster.ConnectedAsync([stays, goes]);
        Task<int> Read() => goes.Cache.GetOrCreateAsync("warm", _ => new ValueTask<int>(Interlocked.Increment(ref runs)), s_often).AsTask();
        await Read();
        await Eventually.Holds(() => runs > 2, "it is regenerated in the cluster");

        await EndAsync(end, cluster);

        await Eventually.Holds(() => goes.Node.HasEnded, "the node is out of the cluster");
        var before = runs;
        await Eventually.Holds(
            () =>
            {
                Assert.True(Read().IsCompletedSuccessfully, "a reader of the warm key waits");
                return runs > before + 3;
            },
            "it is regenerated without the cluster");
        Assert.Equal("made", await goes.Cache.GetOrCreateAsync("cold", _ => new ValueTask<string>("made")).AsTask().WaitAsync(Eventually.Patience));
        var set = await goes.Cache.SetAsync("set", "here").AsTask().WaitAsync(Eventually.Patience);
        Assert.Equal((true, false), (set.Accepted, set.IsPending));
        Assert.Equal("here", (await goes.Cache.TryGetAsync<string>("set")).Value);
        Assert.Single(
            log.At(LogLevel.Warning),
            line => line.Contains("goes on", StringComparison.Ordinal) && line.Contains("Restart", StringComparison.Ordinal));

        // A node is drained before it is disposed of, also for the second time.
        var (begun, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var last = goes.Cache.GetOrCreateAsync("last", async _ =>
        {
            begun.SetResult();
            await mayEnd.Task;
            return "made to the end";
        }).AsTask();
        await begun.Task.WaitAsync(Eventually.Patience);
        var disposal = goes.Cache.DisposeAsync().AsTask();
        mayEnd.SetResult();
        Assert.Equal("made to the end", await last.WaitAsync(Eventually.Patience));
        await disposal.WaitAsync(Eventually.Patience);
    }

    [Theory]
    [InlineData(WayOut.Leaves)]
    [InlineData(WayOut.IsDowned)]
    public async Task Without_a_store_it_keeps_what_it_shows_and_what_it_is_given_in_its_process(WayOut end)
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var caches = await cluster.StartAsync("kept");
        var goes = caches[1];
        for (var i = 0; i < 20; i++)
            await goes.Cache.GetOrCreateAsync($"key{i}", i, static (i, _) => new ValueTask<int>(i));
        await goes.Cache.SetAsync("set", "in the cluster");

        await EndAsync(end, cluster);

        await Eventually.Holds(() => goes.Node.HasEnded, "the node is out of the cluster");
        Assert.Equal("in the cluster", (await goes.Cache.TryGetAsync<string>("set")).Value);
        for (var i = 0; i < 20; i++)
            Assert.Equal(i, await goes.Cache.GetOrCreateAsync($"key{i}", i, static (_, _) => new ValueTask<int>(-1)));

        // What doesn't fit into memory any more is found again.
        await using var reader = new RegenCache("kept", store: goes.Store);
        await Eventually.Holds(
            async () => (await reader.TryGetAsync<int>("key7")) is { Found: true, Value: 7 }, "the process's own store has what the node showed");
        await goes.Cache.SetAsync("later", "in the process");
        Assert.Equal("in the process", (await reader.TryGetAsync<string>("later")).Value);
        await goes.Cache.RemoveAsync("later");
        await using var second = new RegenCache("kept", store: goes.Store);
        Assert.False((await second.TryGetAsync<string>("later")).Found);
    }

    [Fact]
    public async Task Changes_that_waited_for_the_cluster_get_to_the_process_s_own_store()
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var cache = (await cluster.StartAsync("waiting", options: new RegenCacheOptions { StoreWriteTimeout = TimeSpan.FromMilliseconds(300) }))[0];
        cluster.Nodes[0].System.Stop(cache.Node.Handle!.Partitions);
        cache.Node.Leave();
        var set = await cache.Cache.SetAsync("key", "early").AsTask().WaitAsync(Eventually.Patience);
        Assert.True(set.IsPending);

        await cluster.Nodes[0].System.Terminate();

        await using var reader = new RegenCache("waiting", store: cache.Store);
        await Eventually.Holds(async () => (await reader.TryGetAsync<string>("key")).Value == "early", "the set is stored in the process");
    }

    [Fact]
    public async Task While_the_application_ends_a_cache_that_was_drained_stays_so()
    {
        await using var cluster = await TestCluster.StartNewAsync(1);
        var (runs, log) = (0, new LogLines());
        var cache = await cluster.Nodes[0].StartAsync("ending", new InMemoryStore(storesObjects: false), logger: log);
        await TestCluster.ConnectedAsync([cache]);
        cache.Node.IsEnding = () => true;
        await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(Interlocked.Increment(ref runs)), s_often);

        await cluster.Nodes[0].LeaveAsync();

        Assert.True(cache.Node.HasEnded);
        var before = Volatile.Read(ref runs);
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.Equal(before, Volatile.Read(ref runs));
        Assert.Empty(log.At(LogLevel.Warning));
    }

    private static async Task EndAsync(WayOut end, TestCluster cluster)
    {
        var node = cluster.Nodes[^1];
        switch (end)
        {
            case WayOut.Leaves:
                await node.LeaveAsync();
                break;
            case WayOut.IsDowned:
                cluster.Nodes[0].Cluster.Down(node.Cluster.SelfAddress);
                await node.System.WhenTerminated.WaitAsync(Eventually.Patience);
                break;
            case WayOut.IsTerminated:
                await node.System.Terminate().WaitAsync(Eventually.Patience);
                break;
        }
    }
}
