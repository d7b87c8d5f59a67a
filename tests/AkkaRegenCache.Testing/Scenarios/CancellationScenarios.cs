using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>C13: a caller's cancellation ends only its own wait; the shared work ends when the last caller has left.</summary>
[Trait("Row", "C13")]
public abstract class CancellationScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedFact]
    public async Task A_cancelled_caller_gets_its_cancellation_at_once_and_the_others_get_the_value()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm, takes: Seconds(2));
        using var cancellation = new CancellationTokenSource();

        // The leader, whose call began the run, and a follower.
        var leader = farm.Call(0, generator, Active, cancellationToken: cancellation.Token);
        var stays = farm.Call(0, generator, Active);
        var follower = farm.Call(0, generator, Active, cancellationToken: cancellation.Token);
        await farm.AdvanceAsync(Seconds(1));
        await cancellation.CancelAsync();

        foreach (var call in (Task<string>[])[leader, follower])
            Assert.Equal(cancellation.Token, (await farm.FailureAsync<OperationCanceledException>(call)).CancellationToken);
        Assert.InRange(farm.Now, Seconds(1), Seconds(1) + farm.Slack);
        Assert.Equal("value 1", await farm.AnswerAsync(stays));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
    }

    [SharedFact]
    public async Task When_the_last_caller_has_left_the_generator_is_cancelled_and_the_key_is_free_at_once()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        generator.Shut();
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var calls = new[]
        {
            farm.Call(0, generator, Active, cancellationToken: first.Token),
            farm.Call(0, generator, Active, cancellationToken: second.Token),
        };
        await farm.SettleAsync();

        await first.CancelAsync();
        await farm.SettleAsync();
        Assert.Equal((1, 0), (generator.Running, generator.Cancelled));
        await second.CancelAsync();
        await farm.SettleAsync();
        Assert.Equal((0, 1), (generator.Running, generator.Cancelled));
        foreach (var call in calls)
            await farm.FailureAsync<OperationCanceledException>(call);
        await AssertNothingLeftAsync(farm);

        var begun = farm.Now;
        generator.Body = static (_, _) => default;
        Assert.Equal("value 2", await farm.GetAsync(1, generator, Active));
        AssertNoTimeHasPassed(farm, begun);
    }

    [SharedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_a_caller_on_another_node_waits_the_work_goes_on_for_it(bool notifications)
    {
        await using var farm = NewFarm(2, options => options.NotificationsEnabled = notifications);
        var generator = new TestGenerator(farm, takes: Seconds(5));
        using var cancellation = new CancellationTokenSource();
        var leaves = farm.Call(0, generator, Active, cancellationToken: cancellation.Token);
        await farm.SettleAsync();
        var stays = farm.Call(1, generator, Active);
        await farm.AdvanceAsync(Seconds(1));

        await cancellation.CancelAsync();
        await farm.FailureAsync<OperationCanceledException>(leaves);

        Assert.Equal("value 1", await farm.AnswerAsync(stays));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
    }

    [SharedFact]
    public async Task A_caller_who_comes_after_the_last_has_left_is_served_by_a_run_of_its_own()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm, takes: Seconds(1));
        for (var i = 0; i < 20; i++)
        {
            using var cancellation = new CancellationTokenSource();
            var leaves = farm.Call(0, generator, Passive, $"key {i}", cancellation.Token);
            if (i % 2 == 0)
                await farm.SettleAsync();
            var cancelling = cancellation.CancelAsync();
            var comes = farm.Call(0, generator, Passive, $"key {i}");

            // The cancellation is on its way on another thread: it may be served before the second call or after it.
            await cancelling;
            Assert.StartsWith("value", await farm.AnswerAsync(comes), StringComparison.Ordinal);
            await farm.FailureAsync<OperationCanceledException>(leaves);
        }

        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_call_with_a_token_that_is_cancelled_already_begins_nothing()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        var cancelled = new CancellationToken(canceled: true);

        await farm.FailureAsync<OperationCanceledException>(farm.Call(0, generator, Active, cancellationToken: cancelled));
        await farm.FailureAsync<OperationCanceledException>(farm.Node(0).SetAsync(Key, "set", Active, cancelled).AsTask());
        await farm.FailureAsync<OperationCanceledException>(farm.Node(0).RemoveAsync(Key, cancelled).AsTask());
        await farm.FailureAsync<OperationCanceledException>(farm.Node(0).RefreshAsync(Key, generator.Run, Active, cancelled).AsTask());
        await farm.FailureAsync<OperationCanceledException>(farm.Node(0).TryGetAsync<string>(Key, cancelled).AsTask());

        await AssertFoundNowhereAsync(farm);
        Assert.Equal(0, generator.Runs);
    }

    [SharedFact]
    public async Task A_regeneration_on_the_schedule_goes_on_when_a_caller_who_joined_it_has_left()
    {
        await using var farm = NewFarm();
        var options = Active with { ExpiryTolerance = TimeSpan.Zero };
        var generator = new TestGenerator(farm);
        generator.Body = async (run, ct) => await farm.DelayAsync(Seconds(run == 1 ? 0 : 1), ct);
        await farm.GetAsync(0, generator, options);
        await farm.AdvanceAsync(Seconds(2.5));

        // The value has ended and the next one is being made: who comes now joins.
        using var cancellation = new CancellationTokenSource();
        var joins = farm.Call(0, generator, options, cancellationToken: cancellation.Token);
        Assert.False(joins.IsCompleted);
        await cancellation.CancelAsync();
        await farm.FailureAsync<OperationCanceledException>(joins);
        await farm.AdvanceAsync(Seconds(1));

        Assert.Equal((2, 0), (generator.Runs, generator.Cancelled));
        Assert.Equal("value 2", await farm.GetAsync(0, generator, options));
    }
}
