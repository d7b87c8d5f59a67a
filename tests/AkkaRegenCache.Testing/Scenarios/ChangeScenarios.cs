using AkkaRegenCache.Notifications;
using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>B1 sets and removals of single keys, B6 own notifications.</summary>
public abstract class ChangeScenarios(FarmMode mode) : Scenario(mode)
{
    private static readonly TimeSpan s_visibleWithin = Seconds(0.1);

    [SharedFact, Trait("Row", "B1")]
    public async Task A_set_is_shown_by_every_node_that_had_the_old_value()
    {
        await using var farm = NewFarm(nodes: 5);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Passive);

        var result = await farm.SetAsync(3, Key, "set", Passive);

        Assert.True(result.Accepted);
        await farm.AdvanceAsync(s_visibleWithin);
        await AssertShownEverywhereAsync(farm, "set");
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task A_set_of_a_key_that_nobody_had_is_found_by_every_node()
    {
        await using var farm = NewFarm(nodes: 3);

        await farm.SetAsync(0, Key, "set", Passive);

        foreach (var i in farm.Indexes)
            Assert.Equal("set", (await farm.TryGetAsync<string>(i, Key)).Value);
        var generator = new TestGenerator(farm);
        Assert.Equal("set", await farm.GetAsync(2, generator, Passive));
        Assert.Equal(0, generator.Runs);
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task A_removal_is_seen_by_every_node_and_the_next_read_makes_the_value_anew()
    {
        await using var farm = NewFarm(nodes: 5);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);

        await farm.RemoveAsync(2, Key);

        await farm.AdvanceAsync(s_visibleWithin);
        await AssertFoundNowhereAsync(farm);

        // And its schedule has ended with it.
        await farm.AdvanceAsync(Seconds(10));
        Assert.Equal(1, generator.Runs);
        await AssertFoundNowhereAsync(farm);
        Assert.Equal("value 2", await farm.GetAsync(4, generator, Active));
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task Concurrent_sets_end_on_every_node_with_the_one_that_has_the_highest_token()
    {
        await using var farm = NewFarm(nodes: 4);
        foreach (var i in farm.Indexes)
            await farm.SetAsync(i, Key, "before", Passive);

        for (var round = 0; round < 25; round++)
        {
            var calls = await farm.CallTogetherAsync(
                farm.Indexes, 3, node => farm.Node(node).SetAsync(Key, $"{round} by {node}", Passive).AsTask());
            var results = await farm.AnswersAsync(calls);
            await farm.AdvanceAsync(s_visibleWithin);

            Assert.All(results, result => Assert.True(result.Accepted));
            Assert.Equal(results.Length, results.Select(result => result.Token).Distinct().Count());
            var last = Array.FindIndex(results, result => result.Token == results.Max(other => other.Token));
            await AssertShownEverywhereAsync(farm, $"{round} by {last / 3}");
        }
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task A_set_that_is_repeated_after_somebody_elses_loses_and_names_the_winner()
    {
        await using var farm = NewFarm(nodes: 3);
        foreach (var i in farm.Indexes)
            await farm.SetAsync(i, Key, "before", Passive);
        farm.StoreOf(0).Break(StoreFault.Throws, default, 1, StoreOperation.Write);

        var loser = farm.Node(0).SetAsync(Key, "loser", Passive).AsTask();
        await farm.AdvanceAsync(Seconds(0.03));
        var winner = await farm.SetAsync(1, Key, "winner", Passive);

        Assert.Equal(new ChangeResult(false, winner.Token), await farm.AnswerAsync(loser));
        await AssertShownEverywhereAsync(farm, "winner");
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task A_set_whose_answer_was_lost_is_done_once_and_told_as_done()
    {
        await using var farm = NewFarm(nodes: 2);
        foreach (var i in farm.Indexes)
            await farm.SetAsync(i, Key, "before", Passive);
        farm.StoreOf(0).Break(StoreFault.LosesAnswer, default, 1, StoreOperation.Write);

        var result = await farm.SetAsync(0, Key, "set", Passive);

        Assert.True(result.Accepted);
        await AssertShownEverywhereAsync(farm, "set");
        Assert.True((await farm.SetAsync(1, Key, "after", Passive)).Token > result.Token);
        await AssertShownEverywhereAsync(farm, "after");
    }

    [SharedTheory, Trait("Row", "B1")]
    [InlineData(true, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, false, false)]
    public async Task A_generation_that_began_before_a_set_or_a_removal_does_not_bring_its_value_back(
        bool set, bool onTheSameNode, bool notifications)
    {
        await using var farm = NewFarm(3, options => options.NotificationsEnabled = notifications);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var first = farm.Call(0, generator, Passive);
        await farm.SettleAsync();
        var waiting = await farm.CallTogetherAsync(farm.Indexes, 3, node => farm.Call(node, generator, Passive));
        await farm.SettleAsync();
        Assert.Equal(1, generator.Runs);
        var changing = onTheSameNode ? 0 : 1;

        if (set)
            await farm.SetAsync(changing, Key, "set", Passive);
        else
            await farm.RemoveAsync(changing, Key);
        generator.Body = static (_, _) => default;
        gate.Open();

        // Who asked before may get the old one or the new one.
        foreach (var answer in await farm.AnswersAsync([first, .. waiting]))
            Assert.Contains(answer, (string[])["set", "value 1", "value 2"]);
        await farm.AdvanceAsync(Seconds(5));
        foreach (var i in farm.Indexes)
            Assert.NotEqual("value 1", (await farm.TryGetAsync<string>(i, Key)).Value);
        if (set)
            Assert.Equal("set", (await farm.TryGetAsync<string>(0, Key)).Value);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "B1")]
    public async Task Who_asks_after_a_removal_does_not_join_a_generation_that_began_before_it()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var before = farm.Call(0, generator, Passive);
        await farm.SettleAsync();
        await farm.RemoveAsync(1, Key);

        generator.Body = static (_, _) => default;
        var after = farm.Call(0, generator, Passive);

        Assert.Equal("value 2", await farm.AnswerAsync(after));
        gate.Open();
        await farm.AnswerAsync(before);
        Assert.Equal("value 2", farm.Hit(0, generator, Passive));
        Assert.Equal("value 2", await farm.GetAsync(1, generator, Passive));
    }

    [SharedFact, Trait("Row", "B6")]
    public async Task The_senders_entry_survives_its_own_notification_at_once_and_repeated_later()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await farm.SetAsync(0, Key, "first", Passive);
        await farm.RemoveAsync(0, Key);
        await farm.SetAsync(0, Key, "second", Passive);
        Assert.Equal("second", farm.Hit(0, generator, Passive));
        Assert.Equal("second", await farm.GetAsync(1, generator, Passive));
        Assert.Equal(2, farm.BusOf(0).Sent(NotificationKind.Fresh));

        await farm.BusOf(0).RepeatAsync();
        await farm.SettleAsync();

        await AssertShownEverywhereAsync(farm, "second");
        Assert.Equal(0, generator.Runs);
    }
}
