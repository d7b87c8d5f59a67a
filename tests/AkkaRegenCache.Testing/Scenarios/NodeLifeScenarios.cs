using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A node is disposed: nobody hangs, nothing is kept from the others, and it is of no use afterwards.</summary>
[Trait("Row", "Dispose")]
public abstract class NodeLifeScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedFact]
    public async Task Callers_who_wait_on_a_node_that_is_disposed_get_an_error_and_its_claim_is_free_for_others_at_once()
    {
        await using var farm = NewFarm(2, options => options.LeaveTimeout = TimeSpan.Zero);
        var generator = new TestGenerator(farm);
        generator.Shut();
        var stranded = await farm.CallTogetherAsync([0], 20, node => farm.Call(node, generator, Active));
        await farm.SettleAsync();
        var elsewhere = farm.Call(1, generator, Active);
        await farm.AdvanceAsync(Seconds(0.5));
        Assert.Equal(1, generator.Runs);

        generator.Body = static (_, _) => default;
        var begun = farm.Now;
        await farm.LeaveAsync(0);

        foreach (var call in stranded)
            await farm.FailureAsync<ObjectDisposedException>(call);
        Assert.Equal("value 2", await farm.AnswerAsync(elsewhere));
        AssertNoTimeHasPassed(farm, begun);
        Assert.Equal((2, 1), (generator.Runs, generator.Cancelled));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "C9")]
    public async Task A_node_that_leaves_lets_its_generator_end_and_what_it_made_is_stored()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm, takes: Seconds(2));
        var here = farm.Call(0, generator, Active);
        await farm.AdvanceAsync(Seconds(0.5));
        var elsewhere = farm.Call(1, generator, Active);
        await farm.AdvanceAsync(Seconds(0.5));

        await farm.LeaveAsync(0);

        Assert.Equal("value 1", await farm.AnswerAsync(here));
        Assert.Equal("value 1", await farm.AnswerAsync(elsewhere));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "C9")]
    public async Task A_node_that_leaves_begins_nothing_new_and_hands_over_what_takes_too_long()
    {
        await using var farm = NewFarm(2, options => options.LeaveTimeout = TimeSpan.FromSeconds(3));
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);
        generator.Shut();
        var stranded = farm.Call(0, generator, Passive, "another");
        await farm.SettleAsync();
        var begun = farm.Now;

        await farm.LeaveAsync(0);

        await farm.FailureAsync<ObjectDisposedException>(stranded);
        Assert.InRange(farm.Now - begun, Seconds(3), Seconds(3.5));
        Assert.Equal(1, generator.Cancelled);
    }

    [SharedFact]
    public async Task Callers_who_wait_for_another_node_when_theirs_is_disposed_get_an_error_and_the_other_goes_on()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm, takes: Seconds(2));
        var goesOn = farm.Call(0, generator, Active);
        await farm.SettleAsync();
        var stranded = farm.Call(1, generator, Active);
        await farm.SettleAsync();

        await farm.LeaveAsync(1);

        await farm.FailureAsync<ObjectDisposedException>(stranded);
        Assert.Equal("value 1", await farm.AnswerAsync(goesOn));
        Assert.Equal((1, 0), (generator.Runs, generator.Cancelled));
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.AnswersLate)]
    public async Task Whatever_is_asked_of_a_node_with_a_failing_store_is_answered_when_it_is_disposed(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        farm.StoreOf(0).Break(fault, Seconds(0.7), int.MaxValue);
        var node = 0;

        foreach (var wait in (double[])[0, 0.01, 0.06, 0.2])
        {
            var cache = farm.Node(node);
            var calls = new List<Task>
            {
                cache.SetAsync("set", 1, Active).AsTask(),
                cache.RemoveAsync("remove").AsTask(),
                cache.TryGetAsync<string>("peek").AsTask(),
                farm.Call(node, generator, Active, "get"),
                cache.RefreshAsync("refresh", generator.Run, Active).AsTask(),
            };
            await farm.AdvanceAsync(Seconds(wait));
            await farm.LeaveAsync(node);

            var ended = await farm.AdvanceUntilAsync(() => calls.TrueForAll(c => c.IsCompleted), Seconds(30));
            Assert.True(ended, $"{fault}, disposed after {wait} s: not answered: "
                + string.Join(", ", calls.Select((c, i) => (c, i)).Where(c => !c.c.IsCompleted).Select(c => c.i)));
            foreach (var failed in calls.Where(c => c.IsFaulted))
                Assert.True(failed.Exception!.InnerException is ObjectDisposedException or RegenStoreException, failed.Exception.ToString());

            node = farm.Join();
            farm.StoreOf(node).Break(fault, Seconds(0.7), int.MaxValue);
        }
    }

    [SharedFact]
    public async Task A_disposed_node_refuses_everything_also_what_it_had_in_memory()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Active);
        await farm.LeaveAsync(0);
        var cache = farm.Node(0);
        Func<CancellationToken, ValueTask<string>> make = static _ => new("made");
        var calls = new (string Name, Func<Task> Call)[]
        {
            ("a hit", () => farm.Call(0, generator, Active)),
            ("a hit with another generator", () => cache.GetOrCreateAsync(Key, make, Active).AsTask()),
            ("a miss", () => cache.GetOrCreateAsync("cold", make, Active).AsTask()),
            ("a miss with context", () => cache.GetOrCreateAsync("cold", (_, _) => new ValueTask<string>("made"), Active).AsTask()),
            ("a read", () => cache.TryGetAsync<string>(Key).AsTask()),
            ("a set", () => cache.SetAsync(Key, "set", Active).AsTask()),
            ("a removal", () => cache.RemoveAsync(Key).AsTask()),
            ("a refresh", () => cache.RefreshAsync<string>(Key).AsTask()),
            ("a refresh with generator", () => cache.RefreshAsync(Key, make, Active).AsTask()),
            ("a synchronous read", () => Task.FromResult(cache.GetOrAdd(Key, () => "made", Seconds(1), Seconds(1)))),
        };

        foreach (var (name, call) in calls)
            Assert.True(await Record.ExceptionAsync(call) is ObjectDisposedException, $"{name} was served by a disposed node");

        // Twice is as good as once, and the farm has lost nothing.
        await farm.LeaveAsync(0);
        Assert.Equal("value 1", await farm.GetAsync(1, generator, Active));
        Assert.Equal(1, generator.Runs);
    }

    [SharedFact]
    public async Task A_node_that_is_disposed_regenerates_nothing_any_more()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Active);

        await farm.LeaveAsync(0);
        await farm.AdvanceAsync(Seconds(60));

        Assert.Equal(1, generator.Runs);
    }

    [SharedFact]
    public async Task Calls_that_race_with_the_disposal_are_all_answered()
    {
        foreach (var round in Extent.Of([.. Enumerable.Range(0, 100)]))
        {
            await using var farm = NewFarm(nodes: 2);
            var generator = new TestGenerator(farm);
            generator.Shut();
            using var elsewhere = new CancellationTokenSource();
            var holder = farm.Call(1, generator, Active, cancellationToken: elsewhere.Token);
            await farm.SettleAsync();

            // The disposal is one of the calls, somewhere in their midst.
            var number = 0;
            var calls = await farm.CallTogetherAsync([0], 60, node => Interlocked.Increment(ref number) == 20 + (round % 20)
                ? Leave(farm, node)
                : (Task<string>)Try(() => farm.Call(node, generator, Active)));

            Assert.True(
                await farm.AdvanceUntilAsync(() => calls.TrueForAll(c => c.IsCompleted), Seconds(1)),
                $"round {round}: {calls.Count(c => !c.IsCompleted)} of {calls.Count} calls hang");
            await elsewhere.CancelAsync();
            await farm.FailureAsync<OperationCanceledException>(holder);
        }

        static Task<string> Try(Func<Task<string>> call)
        {
            try
            {
                return call();
            }
            catch (ObjectDisposedException e)
            {
                return Task.FromException<string>(e);
            }
        }

        static Task<string> Leave(Farm farm, int node)
        {
            farm.BeginLeave(node);
            return Task.FromResult("");
        }
    }
}
