using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>C1 failures of generators, C3 the caller's timeout, C10 hung generators, C13 cancellation by the caller.</summary>
public abstract class FailureScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedTheory, Trait("Row", "C1")]
    [InlineData(1, true)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(8, false)]
    public async Task A_failure_goes_to_all_who_wait_in_the_farm_after_one_run_and_is_not_kept(double generatorSeconds, bool notifications)
    {
        await using var farm = NewFarm(4, options => options.NotificationsEnabled = notifications);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        generator.Body = async (_, ct) =>
        {
            await gate.PassAsync(ct);
            await farm.DelayAsync(Seconds(generatorSeconds), ct);
            throw new FormatException("no value today");
        };

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Call(node, generator, Active));
        await farm.SettleAsync();
        gate.Open();
        var failures = await Task.WhenAll(calls.Select(call => farm.FailureAsync<Exception>(call)));

        Assert.Equal(1, generator.Runs);
        Assert.Equal(10, failures.Count(f => f is FormatException { Message: "no value today" }));
        var remote = failures.OfType<RemoteGenerationException>().ToList();
        Assert.Equal(30, remote.Count);
        Assert.All(remote, f => Assert.Equal((Key, typeof(FormatException).FullName, "no value today"), (f.Key, f.RemoteType, f.RemoteMessage)));
        await AssertFoundNowhereAsync(farm);
        await AssertNothingLeftAsync(farm);

        generator.Body = static (_, _) => default;
        Assert.Equal("value 2", await farm.GetAsync(3, generator, Active));
    }

    [SharedFact, Trait("Row", "C1")]
    public async Task A_generator_that_throws_synchronously_fails_its_callers_and_leaks_nothing()
    {
        await using var farm = NewFarm(nodes: 2);
        Func<CancellationToken, ValueTask<string>> throwing = static _ => throw new FormatException("at once");

        for (var i = 0; i < 5; i++)
        {
            var calls = await farm.CallTogetherAsync([0], 10, node => farm.Node(node).GetOrCreateAsync(Key, throwing, Active).AsTask());
            foreach (var call in calls)
                Assert.Equal("at once", (await farm.FailureAsync<FormatException>(call)).Message);
            await AssertNothingLeftAsync(farm);
        }

        // The claim is free for the other node at once.
        var begun = farm.Now;
        Assert.Equal("value 1", await farm.GetAsync(1, new TestGenerator(farm), Active));
        AssertNoTimeHasPassed(farm, begun);
    }

    [SharedFact, Trait("Row", "C1")]
    public async Task With_a_failure_backoff_new_callers_get_the_failure_without_a_run_until_it_has_passed()
    {
        await using var farm = NewFarm(nodes: 2);
        var options = Active with { FailureBackoff = Seconds(5) };
        var generator = new TestGenerator(farm) { Body = static (_, _) => throw new FormatException("no value today") };
        await farm.FailureAsync<FormatException>(farm.Call(0, generator, options));

        await farm.AdvanceAsync(Seconds(4));
        foreach (var i in farm.Indexes)
            Assert.Contains("no value today", (await farm.FailureAsync<Exception>(farm.Call(i, generator, options))).Message, StringComparison.Ordinal);

        // Where it ran, it is the exception itself, as for the one who asked first.
        await farm.FailureAsync<FormatException>(farm.Call(0, generator, options));
        await farm.FailureAsync<RemoteGenerationException>(farm.Call(1, generator, options));
        Assert.Equal(1, generator.Runs);

        await farm.AdvanceAsync(Seconds(1) + farm.Slack);
        generator.Body = static (_, _) => default;
        Assert.Equal("value 2", await farm.GetAsync(1, generator, options));
    }

    [SharedTheory, Trait("Row", "C1")]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_regeneration_that_fails_leaves_the_old_value_and_is_tried_again_ever_less_often(int nodes)
    {
        await using var farm = NewFarm(nodes, options => options.JitterShare = 0);
        var options = Active with { RegenerationInterval = Seconds(10), ExpiryTolerance = Seconds(30) };
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, options);
        generator.Body = static (run, _) => run < 5 ? throw new FormatException("no value today") : default;

        while (generator.Runs < 5)
        {
            await AssertShownEverywhereAsync(farm, "value 1");
            await farm.AdvanceAsync(Seconds(0.1));
        }

        // Due at 10, and again after 1, 2 and 4 seconds, each up to a quarter later.
        Assert.InRange(generator.Starts[1], Seconds(10), Seconds(10) + farm.Slack);
        for (var run = 2; run < 5; run++)
        {
            var pause = Seconds(1 << (run - 2));
            Assert.InRange(generator.Starts[run] - generator.Starts[run - 1], pause, (1.25 * pause) + Seconds(0.3) + farm.Slack);
        }

        await farm.SettleAsync();
        await AssertShownEverywhereAsync(farm, "value 5");
    }

    [SharedFact, Trait("Row", "C3")]
    public async Task At_the_hard_timeout_callers_on_every_node_get_an_error_and_the_value_is_stored_later()
    {
        await using var farm = NewFarm(nodes: 3);
        var options = Active with { HardTimeout = Seconds(1) };
        var generator = new TestGenerator(farm, takes: Seconds(5));

        var calls = await farm.CallTogetherAsync(farm.Indexes, 5, node => farm.Call(node, generator, options));
        foreach (var call in calls)
            Assert.Contains(Key, (await farm.FailureAsync<TimeoutException>(call)).Message, StringComparison.Ordinal);

        Assert.InRange(farm.Now, Seconds(1), Seconds(1) + farm.Slack);
        await farm.AdvanceAsync(Seconds(4.1));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
        foreach (var i in farm.Indexes)
            Assert.Equal("value 1", await farm.GetAsync(i, generator, options));
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact, Trait("Row", "C3")]
    public Task Who_gives_up_while_the_store_is_being_read_finds_the_value_later_all_the_same() =>
        AssertMadeAfterTheCallerGaveUpAsync(StoreOperation.Look);

    [SharedFact, Trait("Row", "C3")]
    public Task Who_gives_up_while_the_claim_is_asked_for_finds_the_value_later_all_the_same() =>
        AssertMadeAfterTheCallerGaveUpAsync(StoreOperation.Claim);

    private async Task AssertMadeAfterTheCallerGaveUpAsync(StoreOperation slow)
    {
        await using var farm = NewFarm();
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.6), 1, slow);
        var options = Active with { HardTimeout = Seconds(0.2) };
        var generator = new TestGenerator(farm, takes: Seconds(0.5));

        await farm.FailureAsync<TimeoutException>(farm.Call(0, generator, options));
        Assert.InRange(farm.Now, Seconds(0.2), Seconds(0.2) + farm.Slack);

        await farm.AdvanceAsync(Seconds(1));
        Assert.Equal("value 1", farm.Hit(0, generator, options));
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact, Trait("Row", "C3")]
    public async Task A_caller_with_more_patience_gets_the_value_that_another_gave_up_on()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm, takes: Seconds(5));

        var hasty = farm.Call(0, generator, Active with { HardTimeout = Seconds(1) });
        var patient = farm.Call(0, generator, Active);

        await farm.FailureAsync<TimeoutException>(hasty);
        Assert.Equal("value 1", await farm.AnswerAsync(patient));
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact, Trait("Row", "C10")]
    public async Task A_hung_generator_frees_its_key_at_the_deadline_and_is_counted_until_it_ends()
    {
        await using var farm = NewFarm(nodes: 2);
        var options = Active with { GenerationDeadline = Seconds(4) };
        var generator = new TestGenerator(farm);
        var hung = generator.Shut(obeysCancellation: false);
        var here = farm.Call(0, generator, options);
        await farm.SettleAsync();
        var elsewhere = farm.Call(1, generator, options);

        await farm.FailureAsync<TimeoutException>(here);
        Assert.InRange(farm.Now, Seconds(4), Seconds(4) + farm.Slack);
        var remote = await farm.FailureAsync<RemoteGenerationException>(elsewhere);
        Assert.Equal(typeof(TimeoutException).FullName, remote.RemoteType);
        Assert.Equal((1, 0), (farm.HungGenerators(0), farm.HungGenerators(1)));

        // The key is free at once, on every node.
        generator.Body = static (_, _) => default;
        Assert.Equal("value 2", await farm.GetAsync(1, generator, options));
        Assert.InRange(farm.Now, Seconds(4), Seconds(4) + farm.Slack);

        // What the hung one makes in the end goes nowhere.
        hung.Open();
        await farm.SettleAsync();
        Assert.Equal(0, farm.HungGenerators(0));
        Assert.Equal("value 2", await farm.GetAsync(0, generator, options));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "C10")]
    public async Task At_the_deadline_a_generator_is_cancelled_and_one_that_obeys_is_not_hung()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        generator.Shut();

        await farm.FailureAsync<TimeoutException>(farm.Call(0, generator, Active with { GenerationDeadline = Seconds(4) }));
        await farm.SettleAsync();

        Assert.Equal((1, 0), (generator.Cancelled, farm.HungGenerators(0)));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "C3")]
    public async Task The_callers_time_goes_on_where_it_must_ask_again()
    {
        // The value that the caller finds can't be read, after a second; then there are two seconds left of its three.
        await using var farm = NewFarm(nodes: 2);
        var options = Active with { HardTimeout = Seconds(3) };
        var gate = farm.NewGate();
        var other = farm.Node(0).GetOrCreateAsync(Key, async cancellationToken =>
        {
            await gate.PassAsync(cancellationToken);
            return "no number";
        }, options).AsTask();
        await farm.SettleAsync();
        var late = farm.NewGate();
        var call = farm.Node(1).GetOrCreateAsync(Key, async cancellationToken =>
        {
            await late.PassAsync(cancellationToken);
            return 1;
        }, options).AsTask();
        await farm.AdvanceAsync(Seconds(1));
        gate.Open();
        await farm.AnswerAsync(other);
        await farm.FailureAsync<TimeoutException>(call);

        Assert.InRange(farm.Now, Seconds(3), Seconds(3) + farm.Slack);
        late.Open();
        await farm.AdvanceAsync(Seconds(1));
    }

    [SharedFact, Trait("Row", "C3")]
    public async Task The_callers_time_is_watched_while_it_reads_the_store_beside_a_regeneration()
    {
        await using var farm = NewFarm(nodes: 1, options => options.StoreReadTimeout = Seconds(20));
        var options = Active with { HardTimeout = Seconds(1) };
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var refresh = farm.Node(0).RefreshAsync(Key, generator.Run, Active).AsTask();
        await farm.SettleAsync();
        farm.StoreOf(0).Break(StoreFault.Hangs, StoreOperation.Look);

        var begun = farm.Now;
        await farm.FailureAsync<TimeoutException>(farm.Call(0, generator, options));
        Assert.InRange(farm.Now - begun, Seconds(1), Seconds(1) + farm.Slack);
        farm.StoreOf(0).Heal();
        gate.Open();
        await farm.AnswerAsync(refresh);
    }
}
