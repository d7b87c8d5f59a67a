using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>TryGetAsync, RefreshAsync, the synchronous GetOrAdd, and caches of different names.</summary>
[Trait("Row", "Api")]
public abstract class ReadAndRefreshScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedFact]
    public async Task TryGet_never_runs_a_generator_not_even_one_that_is_known()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        await AssertFoundNowhereAsync(farm);
        await farm.GetAsync(0, generator, Passive);
        foreach (var i in farm.Indexes)
            Assert.Equal(new CacheResult<string>(true, "value 1"), await farm.TryGetAsync<string>(i, Key));

        await farm.AdvanceAsync(Seconds(13));
        await AssertFoundNowhereAsync(farm);
        await farm.AdvanceAsync(Seconds(13));

        Assert.Equal(1, generator.Runs);
    }

    [SharedFact]
    public async Task TryGet_does_not_wait_for_a_generation_that_is_under_way()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var call = farm.Call(0, generator, Passive);
        await farm.SettleAsync();

        await AssertFoundNowhereAsync(farm);

        AssertNoTimeHasPassed(farm);
        gate.Open();
        Assert.Equal("value 1", await farm.AnswerAsync(call));
    }

    [SharedFact]
    public async Task A_refresh_without_a_generator_on_a_node_that_knows_none_is_a_clear_error()
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.GetAsync(0, new TestGenerator(farm), Passive);

        var error = await farm.FailureAsync<InvalidOperationException>(farm.Node(1).RefreshAsync<string>(Key).AsTask());

        Assert.Contains($"'{Key}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("GetOrCreateAsync", error.Message, StringComparison.Ordinal);
    }

    [SharedFact]
    public async Task A_refresh_makes_a_new_value_now_that_all_nodes_show_while_hits_go_on()
    {
        await using var farm = NewFarm(nodes: 3);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Passive);
        var gate = generator.Shut();

        var refresh = farm.Node(1).RefreshAsync<string>(Key).AsTask();
        await farm.SettleAsync();
        Assert.Equal(2, generator.Runs);
        await AssertShownEverywhereAsync(farm, "value 1");
        gate.Open();

        Assert.Equal("value 2", await farm.AnswerAsync(refresh));
        await farm.SettleAsync();
        await AssertShownEverywhereAsync(farm, "value 2");
    }

    [SharedFact]
    public async Task A_refresh_with_a_generator_makes_it_the_one_that_regenerates()
    {
        await using var farm = NewFarm();
        await farm.GetAsync(0, new TestGenerator(farm, name: "old"), Active);
        var newer = new TestGenerator(farm, name: "newer");

        Assert.Equal("newer 1", await farm.AnswerAsync(farm.Node(0).RefreshAsync(Key, newer.Run, Active)));
        await farm.AdvanceAsync(Seconds(2.5));

        Assert.Equal(new CacheResult<string>(true, "newer 2"), await farm.TryGetAsync<string>(0, Key));
    }

    [SharedTheory]
    [InlineData(1, 2)]
    [InlineData(3, 4)]
    public async Task Those_who_refresh_together_share_runs_and_get_a_value_begun_after_their_call(int nodes, int mostRuns)
    {
        await using var farm = NewFarm(nodes);
        var generator = new TestGenerator(farm, takes: Seconds(1));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Passive);
        var before = generator.Runs;

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Node(node).RefreshAsync<string>(Key).AsTask());
        var answers = await farm.AnswersAsync(calls);

        // One for the first, and on each node one for those who came when it may have begun already.
        Assert.InRange(generator.Runs - before, 1, mostRuns);
        Assert.All(answers, answer => Assert.NotEqual("value 1", answer));
        await AssertShownEverywhereAsync(farm, generator.Value(generator.Runs));
        Assert.Equal(1, generator.MostAtOnce);
    }

    [SharedTheory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_refresh_does_not_take_the_result_of_a_generation_that_began_before_it(int refreshing)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var before = farm.Call(0, generator, Active);
        await farm.SettleAsync();

        var refresh = farm.Node(refreshing).RefreshAsync(Key, generator.Run, Active).AsTask();
        await farm.AdvanceAsync(Seconds(1));
        gate.Open();

        Assert.Equal("value 1", await farm.AnswerAsync(before));
        Assert.Equal("value 2", await farm.AnswerAsync(refresh));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_refresh_that_fails_tells_so_and_leaves_the_old_value()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Passive);
        generator.Body = static (_, _) => throw new FormatException("no value today");

        await farm.FailureAsync<FormatException>(farm.Node(0).RefreshAsync<string>(Key).AsTask());

        await farm.SettleAsync();
        await AssertShownEverywhereAsync(farm, "value 1");
    }

    [SharedFact]
    public async Task GetOrAdd_makes_a_missing_value_and_returns_a_hit_at_once()
    {
        await using var farm = NewFarm(nodes: 2);
        var runs = 0;

        for (var i = 0; i < 4; i++)
            Assert.Equal("value 1", await GetOrAddAsync(i % 2, () => $"value {++runs}"));

        // Retention above the interval: it is regenerated. While a thread is blocked, the farm's clock may have gone on; so may its targets.
        var begun = farm.Now;
        while (runs < 2 && farm.Now - begun < Seconds(5))
            await farm.AdvanceAsync(Seconds(0.1));
        await farm.AdvanceAsync(Seconds(0.1));
        Assert.Equal("value 2", await GetOrAddAsync(0, () => "unused"));
        Assert.Equal(2, runs);

        Task<string> GetOrAddAsync(int node, Func<string> generate) => farm.FinishAsync(Blocking(
            () => farm.Node(node).GetOrAdd(Key, generate, inactiveRetention: Seconds(60), regenerationInterval: Seconds(2))));
    }

    [SharedFact]
    public async Task GetOrAdd_throws_the_generators_own_exception_and_the_next_call_tries_again()
    {
        await using var farm = NewFarm();

        var error = await Assert.ThrowsAsync<FormatException>(() => farm.FinishAsync(Blocking(
            () => farm.Node(0).GetOrAdd<string>(Key, () => throw new FormatException("no value"), Seconds(60), Seconds(2)))));
        Assert.Equal("no value", error.Message);

        Assert.Equal("made", await farm.FinishAsync(Blocking(() => farm.Node(0).GetOrAdd(Key, () => "made", Seconds(60), Seconds(2)))));
    }

    [SharedFact]
    public async Task Many_blocked_callers_of_GetOrAdd_share_one_run()
    {
        await using var farm = NewFarm();
        var runs = 0;
        using var release = new ManualResetEventSlim();

        var calls = Enumerable.Range(0, 20).Select(_ => Blocking(() => farm.Node(0).GetOrAdd(
            Key,
            () =>
            {
                release.Wait();
                return Interlocked.Increment(ref runs);
            },
            Seconds(60),
            Seconds(10)))).ToArray();
        release.Set();

        Assert.All(await farm.FinishAsync(Task.WhenAll(calls)), answer => Assert.Equal(1, answer));
    }

    [SharedFact]
    public async Task Caches_of_different_names_in_one_store_and_on_one_bus_do_not_mix()
    {
        await using var farm = NewFarm(nodes: 2);
        var other = farm.Another("another");
        await farm.SetAsync(0, Key, "mine", Passive);
        await farm.AnswerAsync(other.SetAsync(Key, "other", Passive));
        Assert.Equal("mine", (await farm.TryGetAsync<string>(1, Key)).Value);
        Assert.Equal("other", (await farm.AnswerAsync(other.TryGetAsync<string>(Key))).Value);

        await farm.RemoveAsync(1, Key);
        Assert.Equal("other", (await farm.AnswerAsync(other.TryGetAsync<string>(Key))).Value);
        await farm.SetAsync(0, Key, "mine again", Passive);
        await farm.AnswerAsync(other.RemoveAsync(Key));
        foreach (var i in farm.Indexes)
            Assert.Equal("mine again", (await farm.TryGetAsync<string>(i, Key)).Value);

        // A generation of one is not waited for by the other.
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var mine = farm.Call(0, generator, Passive, "generated");
        await farm.SettleAsync();
        var others = other.GetOrCreateAsync("generated", _ => new ValueTask<string>("other"), Passive);
        Assert.Equal("other", await farm.AnswerAsync(others));
        AssertNoTimeHasPassed(farm);
        gate.Open();
        Assert.Equal("value 1", await farm.AnswerAsync(mine));
    }

    private static Task<T> Blocking<T>(Func<T> call) =>
        Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [SharedTheory, Trait("Row", "A16")]
    [InlineData(0)]
    [InlineData(0.4)]
    public async Task What_a_caller_was_given_its_node_shows_from_then_on(double commitTakes)
    {
        await using var farm = NewFarm(nodes: 2);
        if (commitTakes > 0)
            farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(commitTakes), int.MaxValue, StoreOperation.Commit);
        var generator = new TestGenerator(farm);
        for (var run = 1; run <= 20; run++)
        {
            // A cold key, a refresh of a warm one, and a refresh of a cold one.
            var key = $"{run % 3} {run / 3}";
            var given = run % 3 == 0 ? await farm.GetAsync(0, generator, Passive, $"cold {run}") : await farm.AnswerAsync(farm.Node(0).RefreshAsync(key, generator.Run, Passive));
            var shown = farm.Node(0).TryGetAsync<string>(run % 3 == 0 ? $"cold {run}" : key);
            Assert.True(shown.IsCompletedSuccessfully);
            Assert.Equal(new CacheResult<string>(true, given), await shown);
            if (run % 2 == 0)
                await farm.AdvanceAsync(Seconds(commitTakes));
        }

        await farm.AdvanceAsync(Seconds(1));
        farm.StoreOf(0).Heal();
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact, Trait("Row", "A16")]
    public async Task What_a_caller_was_given_yields_to_what_was_changed_meanwhile()
    {
        foreach (var removes in (bool[])[false, true])
        {
            await using var farm = NewFarm(nodes: 2, options => options.NotificationsEnabled = false);
            farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.4), 1, StoreOperation.Commit);
            var generator = new TestGenerator(farm);
            Assert.Equal("value 1", await farm.GetAsync(0, generator, Passive));
            if (removes)
                await farm.RemoveAsync(1, Key);
            else
                await farm.SetAsync(1, Key, "set", Passive);

            // The store refuses what was made before: with nothing heard from the other node, that is how this one learns of the change.
            await farm.AdvanceAsync(Seconds(0.4));
            Assert.Equal(removes ? default : new CacheResult<string>(true, "set"), await farm.TryGetAsync<string>(0, Key));
            await AssertNothingLeftAsync(farm);
        }
    }

    [SharedFact, Trait("Row", "A16")]
    public async Task What_a_caller_was_given_does_not_cover_a_change_of_its_node_that_waits_for_the_store()
    {
        await using var farm = NewFarm(nodes: 1);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var call = farm.Call(0, generator, Active);
        await farm.SettleAsync();
        farm.StoreOf(0).Break(StoreFault.Throws, StoreOperation.Write);
        Assert.True((await farm.SetAsync(0, Key, "set", Active)).IsPending);
        gate.Open();
        await farm.AnswerAsync(call);

        Assert.Equal("set", (await farm.TryGetAsync<string>(0, Key)).Value);
    }
}
