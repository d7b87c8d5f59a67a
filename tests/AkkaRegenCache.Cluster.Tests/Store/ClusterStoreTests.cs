using System.Text;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

/// <summary>What the store in the cluster adds to a store's contract: parts.</summary>
public sealed class ClusterStoreTests(TestCluster cluster) : IClassFixture<TestCluster>
{
    private static int s_names;

    [Fact]
    public async Task Each_shard_is_a_part_with_a_life_of_its_own_that_all_nodes_know_alike()
    {
        var caches = await cluster.StartAsync($"parts{Interlocked.Increment(ref s_names)}");
        var lives = new List<string>();
        for (var shard = 0; shard < caches[0].Node.Shards; shard++)
        {
            var key = TestCluster.KeyOf(caches[0].Node, shard);
            var answers = new List<string>();
            foreach (var cache in caches)
            {
                var store = new ClusterStore(cache.Node);
                Assert.Equal(shard, store.PartitionOf(key));
                answers.Add((await store.ReadAsync(new ReadRequest { Key = key })).Epoch);
            }

            lives.Add(Assert.Single(answers.Distinct()));
        }

        Assert.Equal(lives.Count, lives.Distinct().Count());
    }

    [Fact]
    public async Task A_batch_of_keys_of_two_parts_is_an_error_and_one_of_any_size_of_one_part_is_answered_in_order()
    {
        var caches = await cluster.StartAsync($"parts{Interlocked.Increment(ref s_names)}");
        var store = new ClusterStore(caches[0].Node);
        var keys = new[] { TestCluster.KeyOf(caches[0].Node, 0), TestCluster.KeyOf(caches[0].Node, 1) };
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.CheckAsync(keys));

        // Far more than a frame holds.
        var many = Enumerable.Range(0, 10_000).Select(i => new string('\u20ac', 100) + i).Where(key => caches[0].Node.ShardOf(key) == 3).ToList();
        Assert.InRange(many.Count, 1000, 2000);
        var present = many[777];
        var written = await store.WriteAsync(Write(present, "there"));
        var checks = (await store.CheckAsync(many)).Checks;
        Assert.Equal(many.Count, checks.Count);
        Assert.Equal(written.Token, checks[777].Token);
        Assert.Equal(1, checks.Count(check => check.Token != 0));
        var renewed = await store.RenewAsync([.. many.Select(key => new HeldClaim(key, 1))], TimeSpan.FromSeconds(1));
        Assert.All(renewed.Outcomes, outcome => Assert.Equal(RenewOutcome.Lost, outcome));
        Assert.Equal(many.Count, renewed.Outcomes.Count);
    }

    [Fact]
    public async Task The_largest_value_goes_in_and_comes_out()
    {
        var caches = await cluster.StartAsync($"parts{Interlocked.Increment(ref s_names)}");
        var owner = caches.First(cache => Homes.Local(cache).Count > 0);
        var others = caches.Where(cache => cache != owner).ToList();
        var key = TestCluster.KeyOf(owner.Node, Homes.Local(owner).First());
        var value = new byte[16 * 1024 * 1024];
        new Random(1).NextBytes(value);

        await new ClusterStore(others[0].Node).WriteAsync(Write(key, value));
        var read = await new ClusterStore(others[1].Node).ReadAsync(new ReadRequest { Key = key });

        Assert.True(value.AsSpan().SequenceEqual(read.Record!.Payload!.Bytes!.Value.Span));
    }

    [Fact]
    public async Task Calls_to_a_part_that_does_not_answer_are_refused_and_other_parts_answer()
    {
        var caches = await cluster.StartAsync($"parts{Interlocked.Increment(ref s_names)}");
        var store = new ClusterStore(caches[0].Node);
        var (dead, live) = (TestCluster.KeyOf(caches[0].Node, 0), TestCluster.KeyOf(caches[0].Node, 1));
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        for (var i = 0; i < PartitionGuard.TimeoutsToRefuse; i++)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.ReadAsync(new ReadRequest { Key = dead }, gone.Token));

        await Assert.ThrowsAsync<StoreRefusedException>(async () => await store.ReadAsync(new ReadRequest { Key = dead }));
        Assert.Null((await store.ReadAsync(new ReadRequest { Key = live })).Record);
        await Eventually.Holds(() => TestCluster.AnswersAsync(store, dead), "a probe finds that it answers");
        Assert.Null((await store.ReadAsync(new ReadRequest { Key = dead })).Record);
    }

    private static WriteRequest Write(string key, string value) => Write(key, Encoding.UTF8.GetBytes(value));

    private static WriteRequest Write(string key, byte[] value) => new()
    {
        Key = key,
        Operation = new OperationId("test", Random.Shared.NextInt64()),
        Payload = CachePayload.FromBytes(value),
        Schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(5) },
    };
}
