using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>What broke the systems before this one, each in a farm.</summary>
[Trait("Row", "WhatBreaksOthers")]
public abstract class WhatBreaksOthersScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedTheory]
    [InlineData(true, StoreOperation.Claim)]
    [InlineData(false, StoreOperation.Claim)]
    [InlineData(true, StoreOperation.Look)]
    [InlineData(false, StoreOperation.Look)]
    public async Task A_waiter_registered_after_the_publish_does_not_hang(bool succeeds, StoreOperation late)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        if (!succeeds)
        {
            generator.Body = async (_, ct) =>
            {
                await gate.PassAsync(ct);
                throw new FormatException("no value");
            };
        }

        var first = farm.Call(0, generator, Passive);
        await farm.SettleAsync();

        // What the store tells this node ("held by another", "nothing there") is old when it arrives: the value is published before.
        farm.StoreOf(1).Break(StoreFault.AnswersLate, Seconds(0.9), 1, late);
        var second = farm.Call(1, generator, Passive);
        await farm.AdvanceAsync(Seconds(0.5));
        gate.Open();
        await farm.SettleAsync();
        Assert.True(first.IsCompleted);

        if (succeeds)
        {
            Assert.Equal("value 1", await farm.AnswerAsync(second));
            Assert.Equal(1, generator.Runs);
        }
        else
        {
            await farm.FailureAsync<Exception>(second);
            await farm.FailureAsync<FormatException>(first);
        }

        Assert.InRange(farm.Now, TimeSpan.Zero, Seconds(1) + farm.Slack);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_claim_that_is_granted_after_its_node_has_given_it_up_blocks_nobody_for_its_lease()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);

        // Both tries are granted at once, and the node hears of it when it has made the value without the store.
        farm.StoreOf(0).Break(StoreFault.AnswersLate, Seconds(0.9), 2, StoreOperation.Claim);
        var here = farm.Call(0, generator, Passive);
        await farm.AdvanceAsync(Seconds(0.6));
        Assert.Equal("value 1", await farm.AnswerAsync(here));
        var elsewhere = farm.Call(1, generator, Passive);
        await farm.AdvanceAsync(Seconds(0.1));
        Assert.False(elsewhere.IsCompleted);

        Assert.Equal("value 2", await farm.AnswerAsync(elsewhere));
        Assert.InRange(farm.Now, Seconds(0.9), Seconds(1.2) + farm.Slack);
        await AssertNothingLeftAsync(farm);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.LosesAnswer)]
    [InlineData(StoreFault.Hangs)]
    public async Task A_store_write_that_throws_strands_neither_the_callers_here_nor_those_elsewhere(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm, takes: Seconds(0.5));
        farm.StoreOf(0).Break(fault, default, 1, StoreOperation.Commit);
        var here = farm.Call(0, generator, Active);
        await farm.SettleAsync();
        var elsewhere = await farm.CallTogetherAsync([1, 2], 5, node => farm.Call(node, generator, Active));

        Assert.Equal("value 1", await farm.AnswerAsync(here));
        Assert.InRange(farm.Now, Seconds(0.5), Seconds(0.5) + farm.Slack);
        Assert.All(await farm.AnswersAsync(elsewhere), answer => Assert.Equal("value 1", answer));
        Assert.InRange(farm.Now, Seconds(0.5), Seconds(2) + farm.Slack);
    }

    [SharedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_late_failure_of_an_older_generation_does_not_fail_a_later_one(bool laterHasEnded)
    {
        await using var farm = NewFarm(nodes: 2);
        var options = Active with { GenerationDeadline = Seconds(2) };
        var generator = new TestGenerator(farm);
        var older = farm.NewGate();
        var later = farm.NewGate();
        generator.Body = async (run, _) =>
        {
            await (run == 1 ? older : later).PassAsync(CancellationToken.None);
            if (run == 1)
                throw new FormatException("much too late");
        };
        await farm.FailureAsync<TimeoutException>(farm.Call(0, generator, options));
        var calls = await farm.CallTogetherAsync(farm.Indexes, 5, node => farm.Call(node, generator, options));
        await farm.SettleAsync();
        Assert.Equal(2, generator.Runs);

        foreach (var gate in laterHasEnded ? (Gate[])[later, older] : [older, later])
        {
            gate.Open();
            await farm.AdvanceAsync(Seconds(0.1));
        }

        Assert.All(await farm.AnswersAsync(calls), answer => Assert.Equal("value 2", answer));
        Assert.Equal("value 2", farm.Hit(0, generator, options));
        Assert.Equal("value 2", farm.Hit(1, generator, options));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_failure_that_is_heard_late_does_not_fail_those_who_wait_for_a_later_generation()
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm) { Body = static (_, _) => throw new FormatException("the first time") };
        await farm.FailureAsync<FormatException>(farm.Call(0, generator, Active));
        var gate = generator.Shut();
        var running = farm.Call(1, generator, Active);
        await farm.SettleAsync();
        var waiting = farm.Call(2, generator, Active);
        await farm.SettleAsync();

        await farm.BusOf(0).RepeatAsync();
        await farm.SettleAsync();
        Assert.False(waiting.IsCompleted);
        gate.Open();

        Assert.Equal("value 2", await farm.AnswerAsync(running));
        Assert.Equal("value 2", await farm.AnswerAsync(waiting));
    }

    [SharedFact]
    public async Task A_late_failure_does_not_fail_a_set_that_came_meanwhile()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        generator.Body = async (_, ct) =>
        {
            await gate.PassAsync(ct);
            throw new FormatException("late");
        };
        var calls = await farm.CallTogetherAsync(farm.Indexes, 5, node => farm.Call(node, generator, Passive));
        await farm.SettleAsync();

        await farm.SetAsync(1, Key, "set", Passive);
        gate.Open();

        Assert.All(await farm.AnswersAsync(calls), answer => Assert.Equal("set", answer));
        await AssertShownEverywhereAsync(farm, "set");
    }

    [SharedFact]
    public async Task Intervals_shorter_than_the_default_tolerance_do_not_multiply_the_runs()
    {
        await using var farm = NewFarm(nodes: 3);
        var options = new RegenEntryOptions { RegenerationInterval = Seconds(1) };
        var generator = new TestGenerator(farm, takes: Seconds(0.1));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, options);

        for (var i = 0; i < 45; i++)
        {
            await farm.AdvanceAsync(Seconds(0.1));
            await farm.GetAsync(i % 3, generator, options);
        }

        Assert.Equal(1 + 4, generator.Runs);
    }

    [SharedFact]
    public async Task A_cancelled_leader_does_not_take_followers_on_any_node_with_it()
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm, takes: Seconds(2));
        using var cancellation = new CancellationTokenSource();
        var leader = farm.Call(0, generator, Active, cancellationToken: cancellation.Token);
        await farm.SettleAsync();
        var followers = await farm.CallTogetherAsync(farm.Indexes, 5, node => farm.Call(node, generator, Active));
        await farm.AdvanceAsync(Seconds(1));

        await cancellation.CancelAsync();

        await farm.FailureAsync<OperationCanceledException>(leader);
        Assert.All(await farm.AnswersAsync(followers), answer => Assert.Equal("value 1", answer));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
    }

    [SharedFact]
    public async Task A_generator_that_cancels_itself_is_a_failure_and_not_a_cancellation_of_its_callers_claim()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm) { Body = static (_, _) => throw new OperationCanceledException("a timeout of its own") };

        var calls = await farm.CallTogetherAsync([0], 5, node => farm.Call(node, generator, Active));
        foreach (var call in calls)
            await farm.FailureAsync<OperationCanceledException>(call);

        generator.Body = static (_, _) => default;
        Assert.Equal($"value {generator.Runs + 1}", await farm.GetAsync(1, generator, Active));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_generator_that_throws_synchronously_leaks_no_claim_on_any_node()
    {
        await using var farm = NewFarm(nodes: 3);
        Func<CancellationToken, ValueTask<string>> throwing = static _ => throw new FormatException("at once");

        var calls = await farm.CallTogetherAsync(farm.Indexes, 20, node => farm.Node(node).GetOrCreateAsync(Key, throwing, Active).AsTask());
        foreach (var call in calls)
            Assert.Contains("at once", (await farm.FailureAsync<Exception>(call)).Message, StringComparison.Ordinal);

        await AssertNothingLeftAsync(farm);
        Assert.Equal("value 1", await farm.GetAsync(2, new TestGenerator(farm), Active));
        AssertNoTimeHasPassed(farm);
    }

    [SharedTheory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("a value of forty-nine characters, as it is 123456")]
    public async Task Short_empty_and_null_values_are_cached_like_any_other(string? value)
    {
        await using var farm = NewFarm(nodes: 3);
        var runs = 0;

        for (var round = 0; round < 3; round++)
        {
            var answers = await farm.AnswersAsync(await farm.CallTogetherAsync(
                farm.Indexes, 5, node => farm.Node(node).GetOrCreateAsync(Key, Make, Passive).AsTask()));
            Assert.All(answers, answer => Assert.Equal(value, answer));
        }

        Assert.Equal(1, runs);
        await AssertShownEverywhereAsync(farm, value);

        ValueTask<string?> Make(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            return new(value);
        }
    }
}
