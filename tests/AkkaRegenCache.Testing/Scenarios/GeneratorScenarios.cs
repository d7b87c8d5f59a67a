using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A12 the newest delegate, A14 answers that are not stored.</summary>
public abstract class GeneratorScenarios(FarmMode mode) : Scenario(mode)
{
    private readonly RegenEntryOptions _active = Active;

    [SharedFact, Trait("Row", "A12")]
    public async Task A_hit_that_brings_another_closure_makes_it_the_one_that_regenerates()
    {
        await using var farm = NewFarm();
        var old = new TestGenerator(farm, name: "old");
        var newer = new TestGenerator(farm, name: "newer");
        await farm.GetAsync(0, old, Active);

        Assert.Equal("old 1", farm.Hit(0, newer, Active));
        await farm.AdvanceAsync(Seconds(4.9));

        Assert.Equal((1, 2), (old.Runs, newer.Runs));
        Assert.Equal("newer 2", farm.Hit(0, newer, Active));
    }

    [SharedFact, Trait("Row", "A12")]
    public async Task A_hit_that_brings_another_state_by_value_or_by_reference_makes_it_the_one_that_regenerates()
    {
        await using var farm = NewFarm();
        foreach (var state in (int[])[1, 2, 3])
        {
            await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync("value", state, static (s, _) => new ValueTask<string>($"value {s}"), Active));
            await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync("reference", $"{state}", static (s, _) => new ValueTask<string>($"reference {s}"), Active));
        }

        await farm.AdvanceAsync(Seconds(2.5));

        Assert.Equal("value 3", (await farm.TryGetAsync<string>(0, "value")).Value);
        Assert.Equal("reference 3", (await farm.TryGetAsync<string>(0, "reference")).Value);
    }

    [SharedFact, Trait("Row", "A12")]
    public async Task A_hit_that_brings_a_delegate_of_another_shape_makes_it_the_one_that_regenerates()
    {
        await using var farm = NewFarm();
        await farm.GetAsync(0, new TestGenerator(farm), Active);

        var hit = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync(
            Key, 7, static (state, context, _) => new ValueTask<string>($"{context.Key} {state}"), Active));
        Assert.Equal("value 1", hit);
        await farm.AdvanceAsync(Seconds(2.5));

        Assert.Equal("key 7", (await farm.TryGetAsync<string>(0, Key)).Value);
    }

    [SharedFact, Trait("Row", "A12")]
    public async Task A_hit_that_brings_other_options_changes_the_schedule_from_the_next_run_on()
    {
        await using var farm = NewFarm(1, options => options.JitterShare = 0);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Active with { RegenerationInterval = Seconds(6) });

        farm.Hit(0, generator, Active with { RegenerationInterval = Seconds(1) });
        await farm.AdvanceAsync(Seconds(9.5));

        AssertRanAt(farm, generator, 0, 6, 7, 8, 9);
    }

    [SharedFact, Trait("Row", "A12")]
    public async Task A_hit_that_makes_the_key_passive_ends_its_schedule_after_the_next_run()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Active);

        farm.Hit(0, generator, Active with { InactiveRetention = TimeSpan.Zero });
        await farm.AdvanceAsync(Seconds(30));

        Assert.InRange(generator.Runs, 1, 2);
    }

    [SharedFact, Trait("Row", "A12")]
    public async Task When_the_node_that_regenerates_leaves_the_delegate_of_one_that_lives_is_used()
    {
        await using var farm = NewFarm(nodes: 2);
        var old = new TestGenerator(farm, name: "old");
        var newer = new TestGenerator(farm, name: "newer");
        await farm.GetAsync(0, old, Active);
        await farm.GetAsync(1, old, Active);
        farm.Hit(1, newer, Active);

        await farm.LeaveAsync(0);
        var runs = old.Runs;
        await farm.AdvanceAsync(Seconds(10));

        Assert.Equal(runs, old.Runs);
        Assert.Equal($"newer {newer.Runs}", farm.Hit(1, newer, Active));
        Assert.InRange(newer.Runs, 4, 5);
    }

    [SharedFact, Trait("Row", "A14")]
    public async Task An_answer_that_is_not_to_be_stored_goes_to_all_who_wait_in_the_farm_and_nowhere_else()
    {
        await using var farm = NewFarm(nodes: 4);
        var runs = 0;

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, UncachedAsync);
        var answers = await farm.AnswersAsync(calls);

        Assert.Equal(1, runs);
        Assert.All(answers, answer => Assert.Equal("uncached 1", answer));
        Assert.All(farm.Indexes, i => Assert.Equal(0, farm.MemoryEntries(i)));
        await AssertFoundNowhereAsync(farm);
        await AssertNothingLeftAsync(farm);

        Assert.Equal("uncached 2", await farm.AnswerAsync(UncachedAsync(3)));

        Task<string> UncachedAsync(int node) => farm.Node(node).GetOrCreateAsync(
            Key,
            async (context, ct) =>
            {
                var run = Interlocked.Increment(ref runs);
                await farm.DelayAsync(Seconds(1), ct);
                context.DoNotStore();
                return $"uncached {run}";
            },
            _active).AsTask();
    }

    [SharedFact, Trait("Row", "A14")]
    public async Task A_regeneration_that_is_not_to_be_stored_leaves_the_old_value_until_it_ends()
    {
        await using var farm = NewFarm(nodes: 2);
        var runs = 0;
        foreach (var i in farm.Indexes)
            Assert.Equal("value 1", await ReadAsync(i));

        await farm.AdvanceAsync(Seconds(11.5));
        Assert.InRange(runs, 2, 1 + 5);
        await AssertShownEverywhereAsync(farm, "value 1");
        await farm.AdvanceAsync(Seconds(1));
        await AssertFoundNowhereAsync(farm);

        Task<string> ReadAsync(int node) => farm.AnswerAsync(farm.Node(node).GetOrCreateAsync(
            Key,
            (context, _) =>
            {
                if (Interlocked.Increment(ref runs) > 1)
                    context.DoNotStore();
                return new ValueTask<string>($"value {runs}");
            },
            _active));
    }

    [SharedTheory, Trait("Row", "A23")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task A_generator_that_waits_for_its_own_key_fails_at_once_and_names_the_way(int keys)
    {
        await using var farm = NewFarm(nodes: 2);
        ValueTask<string> Ask(int key, CancellationToken cancellationToken) =>
            farm.Node(0).GetOrCreateAsync($"key {key}", ct => Ask((key + 1) % keys, ct), Passive, cancellationToken);

        var begun = farm.Now;
        var error = await farm.FailureAsync<InvalidOperationException>(Ask(0, CancellationToken.None).AsTask());

        AssertNoTimeHasPassed(farm, begun);
        Assert.Contains(string.Join(" → ", Enumerable.Range(0, keys + 1).Select(i => $"'key {(i + keys - 1) % keys}'")), error.Message, StringComparison.Ordinal);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A23")]
    public async Task A_generator_that_refreshes_its_own_key_or_blocks_for_it_fails_at_once()
    {
        await using var farm = NewFarm(nodes: 1);
        var refresh = farm.Node(0).GetOrCreateAsync("refresh", async ct => await farm.Node(0).RefreshAsync<string>("refresh", ct), Passive).AsTask();
        Assert.Contains("'refresh' → 'refresh'", (await farm.FailureAsync<InvalidOperationException>(refresh)).Message, StringComparison.Ordinal);

        string Block() => farm.Node(0).GetOrAdd("block", Block, TimeSpan.Zero, Seconds(10));
        var blocked = farm.Node(0).GetOrCreateAsync("block", _ => new ValueTask<string>(Block()), Passive).AsTask();
        Assert.Contains("'block' → 'block'", (await farm.FailureAsync<InvalidOperationException>(blocked)).Message, StringComparison.Ordinal);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A23")]
    public async Task Two_generators_that_come_to_wait_for_each_other_fail_at_once()
    {
        await using var farm = NewFarm(nodes: 1);
        var gate = farm.NewGate();
        async ValueTask<string> Ask(string other, CancellationToken cancellationToken)
        {
            await gate.PassAsync(cancellationToken);
            return await farm.Node(0).GetOrCreateAsync(other, _ => new ValueTask<string>("not run"), Passive, cancellationToken);
        }

        var calls = new[]
        {
            farm.Node(0).GetOrCreateAsync("a", ct => Ask("b", ct), Passive).AsTask(),
            farm.Node(0).GetOrCreateAsync("b", ct => Ask("a", ct), Passive).AsTask(),
        };
        await farm.SettleAsync();
        var begun = farm.Now;
        gate.Open();
        foreach (var call in calls)
            await farm.FailureAsync<InvalidOperationException>(call);
        AssertNoTimeHasPassed(farm, begun);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A23")]
    public async Task Keys_that_share_what_they_need_and_work_that_outlives_its_run_wait_for_nobody_in_a_circle()
    {
        await using var farm = NewFarm(nodes: 1);
        ValueTask<string> Leaf(CancellationToken cancellationToken) => farm.Node(0).GetOrCreateAsync("leaf", async _ =>
        {
            await Task.Yield();
            return "leaf";
        }, Passive, cancellationToken);
        ValueTask<string> Branch(string key, CancellationToken cancellationToken) => farm.Node(0).GetOrCreateAsync(key, Leaf, Passive, cancellationToken);
        var outlives = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string>? later = null;

        var root = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync("root", async ct =>
        {
            later = LaterAsync();
            return string.Concat(await Task.WhenAll(Branch("left", ct).AsTask(), Branch("right", ct).AsTask()));
        }, Passive));
        async Task<string> LaterAsync()
        {
            await outlives.Task;
            return await farm.Node(0).RefreshAsync("root", _ => new ValueTask<string>("again"), Passive);
        }

        Assert.Equal("leafleaf", root);
        outlives.SetResult();
        Assert.Equal("again", await farm.FinishAsync(later!));
    }
}
