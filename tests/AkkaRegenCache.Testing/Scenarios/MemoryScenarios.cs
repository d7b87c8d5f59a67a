using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A10 memory in front of the store, C14 its bounds.</summary>
public abstract class MemoryScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedTheory, Trait("Row", "A10")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_node_reads_a_version_from_the_store_once_at_most(bool valuesTravelInNotifications)
    {
        await using var farm = NewFarm(3, options => options.InlinePayloadBytes = valuesTravelInNotifications ? 16 * 1024 : 0);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);
        Assert.All(farm.Indexes, i => Assert.Equal(1, farm.StoreOf(i).Calls(StoreOperation.Look, Key)));

        const int Versions = 5;
        for (var version = 2; version <= 1 + Versions; version++)
        {
            while (generator.Runs < version)
                await farm.AdvanceAsync(Seconds(0.1));
            await farm.SettleAsync();
            for (var read = 0; read < 20; read++)
                Assert.All(farm.Indexes, i => Assert.Equal($"value {version}", farm.Hit(i, generator, Active)));
        }

        var reads = farm.Indexes.Sum(i => farm.StoreOf(i).Calls(StoreOperation.Look, Key)) - farm.Count;
        Assert.Equal(valuesTravelInNotifications ? 0 : Versions * (farm.Count - 1), reads);
    }

    [SharedFact, Trait("Row", "A10")]
    public async Task A_cold_key_costs_a_claim_and_a_commit_and_a_warm_one_on_a_newcomer_a_claim()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Passive);
        await farm.SettleAsync();
        await farm.GetAsync(1, generator, Passive);

        Assert.Equal((0, 1, 1), Asked(0));
        Assert.Equal((0, 1, 0), Asked(1));
        Assert.Equal(1, generator.Runs);

        (int Reads, int Claims, int Commits) Asked(int node) => (
            farm.StoreOf(node).Calls(StoreOperation.Read, Key),
            farm.StoreOf(node).Calls(StoreOperation.Claim, Key),
            farm.StoreOf(node).Calls(StoreOperation.Commit, Key));
    }

    [SharedFact, Trait("Row", "A10")]
    public async Task Many_callers_of_a_warm_key_on_a_cold_node_share_one_read_of_the_store()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Passive);
        farm.StoreOf(1).Break(StoreFault.AnswersLate, Seconds(0.2), int.MaxValue, StoreOperation.Look);

        await farm.AnswersAsync(await farm.CallTogetherAsync([1], 100, node => farm.Call(node, generator, Passive)));

        Assert.Equal(1, farm.StoreOf(1).Calls(StoreOperation.Look, Key));
        Assert.Equal(1, generator.Runs);
    }

    [SharedTheory, Trait("Row", "A10")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_node_has_read_late_ends_in_its_memory_when_it_ends_in_the_store(bool slowStore)
    {
        await using var farm = NewFarm(2, options => options.NotificationsEnabled = false);
        await farm.SetAsync(0, Key, "value", Passive);
        await farm.AdvanceAsync(Seconds(9));
        if (slowStore)
            farm.StoreOf(1).Break(StoreFault.AnswersLate, Seconds(0.4), 1, StoreOperation.Look);
        Assert.Equal("value", (await farm.TryGetAsync<string>(1, Key)).Value);

        await farm.AdvanceAsync(Seconds(11.9) - farm.Now - farm.Slack);
        await AssertShownEverywhereAsync(farm, "value");
        await farm.AdvanceAsync(Seconds(12) - farm.Now + farm.Slack);
        await AssertFoundNowhereAsync(farm);
    }

    [SharedTheory, Trait("Row", "C14")]
    [InlineData(MemoryPolicy.Evict)]
    [InlineData(MemoryPolicy.StopAdmitting)]
    public async Task Memory_is_never_above_its_bound_in_entries_and_what_it_lacks_the_store_has(MemoryPolicy policy)
    {
        const int Bound = 50;
        await using var farm = NewFarm(1, options => (options.MaximumEntries, options.MemoryPolicy) = (Bound, policy));
        var runs = 0;
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 4 * Bound; i++)
            {
                Assert.Equal(i, await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync($"key {i}", i, Make, Passive)));
                Assert.InRange(farm.MemoryEntries(0), 1, Bound);
            }
        }

        Assert.Equal(Bound, farm.MemoryEntries(0));
        Assert.Equal(4 * Bound, runs);

        ValueTask<int> Make(int value, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            return new(value);
        }
    }

    [SharedTheory, Trait("Row", "C14")]
    [InlineData(MemoryPolicy.Evict)]
    [InlineData(MemoryPolicy.StopAdmitting)]
    public async Task Memory_is_never_above_its_bound_in_bytes(MemoryPolicy policy)
    {
        const int Bound = 20_000;
        await using var farm = NewFarm(1, options => (options.MaximumBytes, options.MemoryPolicy) = (Bound, policy));

        for (var i = 0; i < 200; i++)
        {
            var value = new string('x', 50 * (i % 40));
            var read = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync($"key {i}", value, static (v, _) => new ValueTask<string>(v), Passive));
            Assert.Equal(value, read);
            Assert.InRange(farm.MemoryBytes(0), 0, Bound);
        }

        // One value that is larger than all of memory is served as well, and remembered nowhere but in the store.
        var huge = new string('y', 2 * Bound);
        Assert.Equal(huge, await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync("huge", huge, static (v, _) => new ValueTask<string>(v), Passive)));
        Assert.Equal(huge, (await farm.TryGetAsync<string>(0, "huge")).Value);
        Assert.InRange(farm.MemoryBytes(0), Bound / 2, Bound);
    }

    [SharedFact, Trait("Row", "C14")]
    public async Task A_size_given_with_the_options_is_what_counts()
    {
        await using var farm = NewFarm(1, options => options.MaximumBytes = 1000);
        var options = Passive with { Size = 400 };
        for (var i = 0; i < 10; i++)
            await farm.SetAsync(0, $"key {i}", i, options);

        Assert.Equal((2, 800), (farm.MemoryEntries(0), farm.MemoryBytes(0)));
    }

    [SharedFact, Trait("Row", "C14")]
    public async Task With_stop_admitting_the_first_keys_stay_and_later_ones_are_read_from_the_store()
    {
        await using var farm = NewFarm(1, options => (options.MaximumEntries, options.MemoryPolicy) = (10, MemoryPolicy.StopAdmitting));
        var generator = new TestGenerator(farm);
        for (var i = 0; i < 30; i++)
            await farm.GetAsync(0, generator, Passive, $"key {i}");

        for (var i = 0; i < 10; i++)
            Assert.Equal($"value {i + 1}", farm.Hit(0, generator, Passive, $"key {i}"));
        Assert.Equal("value 30", await farm.GetAsync(0, generator, Passive, "key 29"));
        Assert.Equal(2, farm.StoreOf(0).Calls(StoreOperation.Look, "key 29"));
        Assert.Equal(30, generator.Runs);
    }

    [SharedFact, Trait("Row", "C14")]
    public async Task A_key_that_memory_has_no_room_for_is_regenerated_all_the_same()
    {
        await using var farm = NewFarm(1, options => (options.MaximumEntries, options.MemoryPolicy) = (1, MemoryPolicy.StopAdmitting));
        var first = new TestGenerator(farm);
        var second = new TestGenerator(farm);
        await farm.GetAsync(0, first, Active, "first");
        await farm.GetAsync(0, second, Active, "second");

        await farm.AdvanceAsync(Seconds(20.9));

        Assert.Equal((11, 11), (first.Runs, second.Runs));
        Assert.Equal(1, farm.MemoryEntries(0));
        Assert.Equal("value 11", (await farm.TryGetAsync<string>(0, "second")).Value);
    }
}
