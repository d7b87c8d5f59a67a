using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A1 read-through, A2 local single flight, A3 single flight in the farm.</summary>
public abstract class ReadThroughScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedFact, Trait("Row", "A1")]
    public async Task A_miss_runs_the_generator_and_is_stored_and_what_follows_are_hits()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm, takes: Seconds(0.3));

        Assert.Equal("value 1", await farm.GetAsync(0, generator, Active));

        Assert.Equal("value 1", farm.Hit(0, generator, Active));
        Assert.Equal("value 1", await farm.GetAsync(1, generator, Active));
        farm.Hit(1, generator, Active);
        Assert.Equal(1, generator.Runs);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A1")]
    public async Task A_node_that_joins_later_reads_the_store_and_runs_nothing()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Passive);

        var newcomer = farm.Join();

        Assert.Equal("value 1", await farm.GetAsync(newcomer, generator, Passive));
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact, Trait("Row", "A1")]
    public async Task A_generator_gets_the_state_and_is_told_the_key_and_an_increasing_token()
    {
        await using var farm = NewFarm();
        var tokens = new List<long>();

        for (var i = 0; i < 3; i++)
        {
            var value = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync(
                Key,
                (Number: i, Tokens: tokens),
                static (state, context, _) =>
                {
                    state.Tokens.Add(context.Token);
                    return new ValueTask<string>($"{context.Key} {state.Number}");
                },
                Passive));
            Assert.Equal($"key {i}", value);
            await farm.RemoveAsync(0, Key);
        }

        Assert.True(tokens[0] > 0 && tokens[0] < tokens[1] && tokens[1] < tokens[2], string.Join(' ', tokens));
    }

    [SharedFact, Trait("Row", "A1")]
    public async Task A_passive_value_lives_for_interval_and_tolerance_and_is_a_miss_then()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Passive);
        await farm.GetAsync(1, generator, Passive);

        await farm.AdvanceAsync(Seconds(11.9) - farm.Slack);
        await AssertShownEverywhereAsync(farm, "value 1");
        await farm.AdvanceAsync(Seconds(0.1) + (2 * farm.Slack));
        await AssertFoundNowhereAsync(farm);

        Assert.Equal("value 2", await farm.GetAsync(1, generator, Passive));
    }

    [SharedTheory, Trait("Row", "A2")]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10)]
    public async Task A_thousand_concurrent_callers_of_a_cold_key_share_one_run(double generatorSeconds)
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm, takes: Seconds(generatorSeconds));

        var calls = await farm.CallTogetherAsync([0], 1000, node => farm.Call(node, generator, Active));
        var answers = await farm.AnswersAsync(calls);

        Assert.Equal(1000, answers.Length);
        Assert.All(answers, answer => Assert.Equal("value 1", answer));
        Assert.Equal(1, generator.Runs);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A2")]
    public async Task Callers_of_different_keys_do_not_wait_for_each_other()
    {
        await using var farm = NewFarm();
        var slow = new TestGenerator(farm);
        var gate = slow.Shut();
        var quick = new TestGenerator(farm);

        var waiting = farm.Call(0, slow, Active, "slow");
        for (var i = 0; i < 100; i++)
            Assert.Equal($"value {i + 1}", await farm.GetAsync(0, quick, Passive, $"quick {i}"));

        Assert.False(waiting.IsCompleted);
        gate.Open();
        Assert.Equal("value 1", await farm.AnswerAsync(waiting));
    }

    [SharedTheory, Trait("Row", "A3")]
    [InlineData(0, true)]
    [InlineData(0.4, true)]
    [InlineData(20, true)]
    [InlineData(0, false)]
    [InlineData(0.4, false)]
    [InlineData(20, false)]
    public async Task Five_nodes_with_fifty_callers_each_share_one_run(double generatorSeconds, bool notifications)
    {
        // 20 s: longer than a lease, a store timeout and every other time in the farm.
        await using var farm = NewFarm(nodes: 5, options => options.NotificationsEnabled = notifications);
        var generator = new TestGenerator(farm, takes: Seconds(generatorSeconds));

        var calls = await farm.CallTogetherAsync(farm.Indexes, 50, node => farm.Call(node, generator, Passive));
        var answers = await farm.AnswersAsync(calls);

        Assert.Equal(250, answers.Length);
        Assert.All(answers, answer => Assert.Equal("value 1", answer));
        Assert.Equal(1, generator.Runs);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A3")]
    public async Task With_notifications_those_who_wait_on_other_nodes_are_served_when_the_generator_ends()
    {
        await using var farm = NewFarm(nodes: 5);
        var generator = new TestGenerator(farm, takes: Seconds(7.3));

        var calls = await farm.CallTogetherAsync(farm.Indexes, 1, node => farm.Call(node, generator, Active));
        await farm.AnswersAsync(calls);

        Assert.InRange(farm.Now, Seconds(7.3), Seconds(7.3) + farm.Slack);
    }

    [SharedFact, Trait("Row", "A3")]
    public async Task Without_notifications_they_are_served_a_lease_later_at_most()
    {
        await using var farm = NewFarm(nodes: 5, options => options.NotificationsEnabled = false);
        var generator = new TestGenerator(farm, takes: Seconds(7.3));

        var calls = await farm.CallTogetherAsync(farm.Indexes, 1, node => farm.Call(node, generator, Active));
        await farm.AnswersAsync(calls);

        // A lease of 3 s, and 50 ms by which those who wait are spread.
        Assert.InRange(farm.Now, Seconds(7.3), Seconds(10.35) + farm.Slack);
    }
}
