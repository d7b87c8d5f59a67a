using System.Collections.Concurrent;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Notifications;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>What callers see of a cache on three nodes, with an external store and without.</summary>
public sealed class ClusterCacheTests(TestCluster cluster) : IClassFixture<TestCluster>
{
    private static int s_names;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cold_key_asked_for_by_fifty_callers_on_each_of_three_nodes_is_made_once(bool external)
    {
        var caches = await cluster.StartAsync(NewName(), External(external));
        var runs = 0;
        var mayEnd = new TaskCompletionSource();
        var answers = new List<Task<string>>();
        foreach (var cache in caches)
        {
            for (var i = 0; i < 50; i++)
            {
                answers.Add(cache.Cache.GetOrCreateAsync("cold", async _ =>
                {
                    Interlocked.Increment(ref runs);
                    await mayEnd.Task;
                    return "value";
                }).AsTask());
            }
        }

        await Eventually.Holds(() => Volatile.Read(ref runs) > 0, "somebody generates");
        mayEnd.SetResult();

        var values = await Task.WhenAll(answers).WaitAsync(Eventually.Patience);
        Assert.All(values, value => Assert.Equal("value", value));
        Assert.Equal(1, runs);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Generators_on_two_nodes_that_wait_for_each_other_get_an_error_long_before_their_deadline(bool external)
    {
        var caches = await cluster.StartAsync(NewName(), External(external));
        var begun = new CountdownEvent(2);
        var calls = new[] { Ask(caches[0].Cache, "a", "b"), Ask(caches[1].Cache, "b", "a") };

        var errors = await Task.WhenAll(calls.Select(call => Record.ExceptionAsync(() => call.WaitAsync(Eventually.Patience))));

        Assert.DoesNotContain(errors, error => error is null or TimeoutException);
        Assert.Contains(errors, error => error!.Message.Contains("'a' → 'b' → 'a'", StringComparison.Ordinal)
            || error.Message.Contains("'b' → 'a' → 'b'", StringComparison.Ordinal));

        Task<string> Ask(IRegenCache cache, string key, string other) => cache.GetOrCreateAsync(key, async ct =>
        {
            begun.Signal();
            while (!begun.IsSet)
                await Task.Delay(10, ct);
            return await cache.GetOrCreateAsync(other, _ => new ValueTask<string>("not run"), cancellationToken: ct);
        }).AsTask();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_caller_was_given_its_node_shows_each_time_of_a_thousand(bool external)
    {
        var caches = await cluster.StartAsync(NewName(), External(external));
        var others = 0;
        for (var i = 0; i < 1000; i++)
        {
            var cache = caches[i % 3].Cache;
            var (key, value) = ($"key{i % 50}", $"run {i}");
            Assert.Equal(value, await cache.RefreshAsync(key, _ => new ValueTask<string>(value)));
            if ((await cache.TryGetAsync<string>(key)).Value != value)
                others++;
        }

        Assert.Equal(0, others);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_set_and_a_removal_are_seen_on_every_node(bool external)
    {
        var caches = await cluster.StartAsync(NewName(), External(external));
        foreach (var cache in caches)
            Assert.Equal("made", await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));

        await caches[0].Cache.SetAsync("key", "set");
        foreach (var cache in caches)
            await Eventually.Holds(async () => (await cache.Cache.TryGetAsync<string>("key")).Value == "set", "the set is seen");

        await caches[1].Cache.RemoveAsync("key");
        foreach (var cache in caches)
            await Eventually.Holds(async () => !(await cache.Cache.TryGetAsync<string>("key")).Found, "the removal is seen");
    }

    [Fact]
    public async Task Keys_of_all_shards_are_made_once_each_and_read_on_all_nodes_without_an_external_store()
    {
        var caches = await cluster.StartAsync(NewName());
        var runs = new ConcurrentDictionary<string, int>();
        var keys = Enumerable.Range(0, 100).Select(i => $"key{i}").ToList();
        foreach (var cache in caches)
        {
            foreach (var key in keys)
            {
                var value = await cache.Cache.GetOrCreateAsync(key, _ =>
                {
                    runs.AddOrUpdate(key, 1, (_, n) => n + 1);
                    return new ValueTask<string>("value of " + key);
                });
                Assert.Equal("value of " + key, value);
            }
        }

        Assert.All(keys, key => Assert.Equal(1, runs[key]));
    }

    [Fact]
    public async Task Without_any_notification_a_cold_key_is_still_made_once()
    {
        var name = NewName();
        var store = new InMemoryStore(storesObjects: false);
        var caches = new List<TestCache>();
        foreach (var node in cluster.Nodes)
            caches.Add(await node.StartAsync(name, store, bus: _ => new SilentBus()));
        await Eventually.Holds(() => caches.TrueForAll(c => c.Node.IsUp), "all nodes are members");
        var runs = 0;

        var values = await Task.WhenAll(caches.SelectMany(cache => Enumerable.Range(0, 50).Select(_ => cache.Cache.GetOrCreateAsync("cold", async _ =>
        {
            Interlocked.Increment(ref runs);
            await Task.Yield();
            return "value";
        }).AsTask()))).WaitAsync(Eventually.Patience);

        Assert.All(values, value => Assert.Equal("value", value));
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task A_value_of_five_megabytes_crosses_the_cluster_in_both_directions()
    {
        var caches = await cluster.StartAsync(NewName(), options: new RegenCacheOptions { StoreReadTimeout = TimeSpan.FromSeconds(10), StoreWriteTimeout = TimeSpan.FromSeconds(10) });
        var value = new byte[5_000_000];
        new Random(5).NextBytes(value);

        for (var i = 0; i < 3; i++)
        {
            var key = TestCluster.KeyOf(caches[0].Node, i, "big");
            var set = await caches[0].Cache.SetAsync(key, value);
            Assert.False(set.IsPending);
            foreach (var cache in caches)
            {
                await Eventually.Holds(async () => (await cache.Cache.TryGetAsync<byte[]>(key)).Found, "it is there");
                Assert.Equal(value, (await cache.Cache.TryGetAsync<byte[]>(key)).Value);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_set_during_a_generation_is_not_undone_by_it_on_any_node(bool external)
    {
        var caches = await cluster.StartAsync(NewName(), External(external));
        var begun = new TaskCompletionSource();
        var mayEnd = new TaskCompletionSource();
        var generated = caches[0].Cache.GetOrCreateAsync("key", async _ =>
        {
            begun.SetResult();
            await mayEnd.Task;
            return "generated";
        }).AsTask();
        await begun.Task;

        await caches[1].Cache.SetAsync("key", "set");
        mayEnd.SetResult();
        await generated.WaitAsync(Eventually.Patience);

        foreach (var cache in caches)
            await Eventually.Holds(async () => (await cache.Cache.TryGetAsync<string>("key")).Value == "set", "the set is seen");
        foreach (var cache in caches)
            Assert.Equal("set", await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("again")));
    }

    [Fact]
    public async Task Two_caches_in_one_cluster_keep_apart()
    {
        var first = await cluster.StartAsync(NewName());
        var second = await cluster.StartAsync(NewName());

        await first[0].Cache.SetAsync("key", "first");
        await second[1].Cache.SetAsync("key", "second");

        foreach (var cache in first)
            Assert.Equal("first", await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
        foreach (var cache in second)
            Assert.Equal("second", await cache.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
        await first[2].Cache.RemoveAsync("key");
        Assert.Equal("second", await second[2].Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
    }

    private static string NewName() => $"cache {Interlocked.Increment(ref s_names)}/ä";

    private static InMemoryStore? External(bool external) => external ? new InMemoryStore(storesObjects: false) : null;
}
