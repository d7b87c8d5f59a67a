using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>The store throws, hangs, loses answers and comes back, as callers see it.</summary>
[Trait("Row", "Store")]
public abstract class StoreFailureScenarios(FarmMode mode) : Scenario(mode)
{
    /// <summary>After an outage, all is well again within this.</summary>
    private static readonly TimeSpan s_recovery = Seconds(5);

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.LosesAnswer)]
    public async Task With_the_store_down_callers_get_generated_values_once_per_node_and_all_is_well_when_it_is_back(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm, takes: Seconds(0.5));
        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Break(fault);

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Call(node, generator, Active));
        var answers = await farm.AnswersAsync(calls);

        Assert.All(answers, answer => Assert.StartsWith("value", answer, StringComparison.Ordinal));
        Assert.InRange(generator.Runs, 1, farm.Count);
        foreach (var i in farm.Indexes)
            farm.Hit(i, generator, Active);

        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Heal();
        await farm.AdvanceAsync(s_recovery);
        await AssertConvergedAsync(farm, generator);

        // And the schedule goes on, once per interval for all.
        var runs = generator.Runs;
        await farm.AdvanceAsync(Seconds(20));
        Assert.InRange(generator.Runs - runs, 9, 11);
        await AssertConvergedAsync(farm, generator);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task A_warm_key_is_served_all_through_an_outage_and_nobody_waits(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm, takes: Seconds(0.3));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);

        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Break(fault);
        for (var step = 0; step < 150; step++)
        {
            foreach (var i in farm.Indexes)
                farm.Hit(i, generator, Active);
            await farm.AdvanceAsync(Seconds(0.2));
        }

        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Heal();
        await farm.AdvanceAsync(s_recovery);
        await AssertConvergedAsync(farm, generator);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task A_set_and_a_removal_that_the_store_does_not_take_are_shown_here_and_reach_all_when_it_is_back(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.SetAsync(0, Key, "before", Passive);
        await farm.SetAsync(0, "other", "before", Passive);
        Assert.Equal("before", (await farm.TryGetAsync<string>(1, Key)).Value);
        Assert.Equal("before", (await farm.TryGetAsync<string>(1, "other")).Value);
        farm.StoreOf(0).Break(fault);

        var set = await farm.SetAsync(0, Key, "set", Passive);
        Assert.Equal(new ChangeResult(false, 0) { IsPending = true }, set);
        Assert.Equal("set", (await farm.TryGetAsync<string>(0, Key)).Value);
        Assert.True((await farm.AnswerAsync(farm.Node(0).RemoveAsync("other").AsTask())).IsPending);
        Assert.Equal(default, await farm.TryGetAsync<string>(0, "other"));
        Assert.Equal("before", (await farm.TryGetAsync<string>(1, Key)).Value);

        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(Seconds(2));
        await AssertShownEverywhereAsync(farm, "set");
        foreach (var i in farm.Indexes)
            Assert.Equal(default, await farm.TryGetAsync<string>(i, "other"));
        Assert.True((await farm.SetAsync(0, Key, "after", Passive)).Accepted);
        await farm.AdvanceAsync(s_recovery);
        await AssertShownOrReadAsync(farm, "after");
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws, true)]
    [InlineData(StoreFault.Hangs, true)]
    [InlineData(StoreFault.LosesAnswer, true)]
    [InlineData(StoreFault.Throws, false)]
    [InlineData(StoreFault.LosesAnswer, false)]
    public async Task A_commit_that_fails_strands_nobody_and_the_farm_agrees_when_the_store_is_back(StoreFault fault, bool notifications)
    {
        await using var farm = NewFarm(3, options => options.NotificationsEnabled = notifications);
        var generator = new TestGenerator(farm, takes: Seconds(0.5));
        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Break(fault, StoreOperation.Commit);

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Call(node, generator, Active));
        var answers = await farm.AnswersAsync(calls);
        Assert.All(answers, answer => Assert.StartsWith("value", answer, StringComparison.Ordinal));
        if (notifications)
            // Once on each node; and a node that could not store its value makes it again when the store seems to answer.
        Assert.InRange(generator.Runs, 1, 2 * farm.Count);

        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Heal();
        await farm.AdvanceAsync(s_recovery + Seconds(3));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);
        if (notifications)
            await AssertConvergedAsync(farm, generator);

        // Who hears nothing and loses four claims in a row to others makes the value for its own callers, beside the next one's run.
        Assert.InRange(generator.MostAtOnce, 1, notifications ? 1 : 2);
    }

    [SharedTheory]
    [InlineData(StoreOperation.Look)]
    [InlineData(StoreOperation.Claim)]
    [InlineData(StoreOperation.Commit)]
    [InlineData(StoreOperation.Release)]
    [InlineData(StoreOperation.Renew)]
    public async Task A_single_call_of_the_store_that_fails_in_any_way_costs_no_second_run(StoreOperation operation)
    {
        foreach (var fault in (StoreFault[])[StoreFault.Throws, StoreFault.LosesAnswer, StoreFault.Hangs])
        {
            await using var farm = NewFarm(nodes: 2);
            var generator = new TestGenerator(farm, takes: Seconds(4));
            farm.StoreOf(0).Break(fault, default, 1, operation);

            var answers = await farm.AnswersAsync(await farm.CallTogetherAsync([0], 10, node => farm.Call(node, generator, Passive)));

            Assert.All(answers, answer => Assert.Equal("value 1", answer));
            await farm.AdvanceAsync(Seconds(4));
            Assert.Equal("value 1", await farm.GetAsync(1, generator, Passive));
            Assert.Equal(1, generator.Runs);
            await AssertNothingLeftAsync(farm);
        }
    }

    [SharedFact]
    public async Task A_node_that_is_cut_off_from_store_and_notifications_shows_what_the_others_have_soon_after_it_is_back()
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);

        farm.StoreOf(2).Break(StoreFault.Throws);
        farm.BusOf(0).IsMuted = farm.BusOf(1).IsMuted = true;
        await farm.AdvanceAsync(Seconds(5));
        await farm.SetAsync(0, Key, "set meanwhile", Passive);
        await farm.AdvanceAsync(Seconds(0.3));
        farm.BusOf(0).IsMuted = farm.BusOf(1).IsMuted = false;
        farm.StoreOf(2).Heal();

        await farm.AdvanceAsync(Seconds(2));
        await AssertShownEverywhereAsync(farm, "set meanwhile");
    }

    [SharedFact]
    public async Task Notifications_that_are_lost_are_noticed_by_the_gap_and_repaired()
    {
        await using var farm = NewFarm(nodes: 3);
        foreach (var i in farm.Indexes)
        {
            await farm.SetAsync(0, Key, "before", Passive);
            await farm.TryGetAsync<string>(i, Key);
        }

        farm.BusOf(1).IsMuted = true;
        await farm.SetAsync(1, Key, "after", Passive);
        farm.BusOf(1).IsMuted = false;

        await farm.AdvanceAsync(Seconds(1.1));
        await AssertShownEverywhereAsync(farm, "after");
    }

    private static async Task AssertShownOrReadAsync(Farm farm, string value)
    {
        foreach (var i in farm.Indexes)
            Assert.Equal(value, (await farm.TryGetAsync<string>(i, Key)).Value);
    }

    /// <summary>All nodes show the same value, which is the last that was made.</summary>
    private static async Task AssertConvergedAsync(Farm farm, TestGenerator generator)
    {
        await farm.AdvanceUntilAsync(() => generator.Running == 0, Seconds(2));
        await farm.SettleAsync();
        await AssertShownEverywhereAsync(farm, generator.Value(generator.Runs));
    }
}
