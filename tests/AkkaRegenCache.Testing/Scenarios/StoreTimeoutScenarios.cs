using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A store that hangs, is slow or counts as down keeps nobody waiting for longer than it may.</summary>
[Trait("Row", "C4")]
public abstract class StoreTimeoutScenarios(FarmMode mode) : Scenario(mode)
{
    private static readonly TimeSpan s_readTimeout = Seconds(0.3);
    private static readonly TimeSpan s_writeTimeout = Seconds(0.7);

    /// <summary>After which a store that fails surely counts as down.</summary>
    private static readonly TimeSpan s_noticed = Seconds(3);

    private static readonly RegenEntryOptions s_long = new()
    {
        RegenerationInterval = Seconds(600),
        InactiveRetention = TimeSpan.Zero,
        ExpiryTolerance = Seconds(60),
    };

    private static readonly RegenEntryOptions s_background = s_long with { BackgroundWrites = true };

    [SharedTheory]
    [InlineData(StoreFault.Hangs, StoreOperation.Look)]
    [InlineData(StoreFault.Hangs, StoreOperation.Claim)]
    [InlineData(StoreFault.Hangs, StoreOperation.Look, StoreOperation.Claim)]
    [InlineData(StoreFault.AnswersLate, StoreOperation.Look, StoreOperation.Claim)]
    [InlineData(StoreFault.IsSlow, StoreOperation.Look, StoreOperation.Claim)]
    [InlineData(StoreFault.AnswersLate, StoreOperation.Claim)]
    [InlineData(StoreFault.IsSlow, StoreOperation.Claim)]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task A_cold_caller_waits_at_most_the_read_timeout_before_its_generator_starts(StoreFault fault, params StoreOperation[] operations)
    {
        // Slower than one try may be, and a little slower than that.
        foreach (var time in (TimeSpan[])[Seconds(0.1), Seconds(0.2), Seconds(0.4)])
        {
            await using var farm = NewFarm(nodes: 2, UseTimeouts);
            farm.StoreOf(0).Break(fault, time, int.MaxValue, operations);
            for (var i = 0; i < 5; i++)
            {
                var generator = new TestGenerator(farm, name: "cold");
                var asked = farm.Now;
                Assert.Equal("cold 1", await farm.GetAsync(0, generator, s_long, $"cold {i}"));
                AssertWaited(farm, asked, s_readTimeout);
                Assert.InRange(generator.LastStart - asked, TimeSpan.Zero, s_readTimeout + farm.Slack);
            }

            farm.StoreOf(0).Heal();
            await farm.AdvanceAsync(Seconds(5));
            await AssertNothingLeftAsync(farm);
        }
    }

    [SharedFact]
    public async Task A_read_that_answers_just_in_time_leaves_the_claim_what_is_left()
    {
        await using var farm = NewFarm(nodes: 1, UseTimeouts);
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.14), int.MaxValue, StoreOperation.Look);
        farm.StoreOf(0).Break(StoreFault.Hangs, StoreOperation.Claim);
        var generator = new TestGenerator(farm);
        Assert.Equal("value 1", await farm.GetAsync(0, generator, s_long));
        Assert.InRange(generator.LastStart, TimeSpan.Zero, s_readTimeout + farm.Slack);
    }

    [SharedFact]
    public async Task Who_only_looks_waits_at_most_the_read_timeout_and_finds_nothing()
    {
        await using var farm = NewFarm(nodes: 1, UseTimeouts);
        farm.StoreOf(0).Break(StoreFault.Hangs);
        var asked = farm.Now;
        Assert.Equal(default, await farm.TryGetAsync<string>(0, Key));
        AssertWaited(farm, asked, s_readTimeout);
    }

    [SharedFact]
    public async Task A_value_the_store_has_is_found_by_a_slow_read_and_no_generator_runs()
    {
        await using var farm = NewFarm(nodes: 2, UseTimeouts);
        await farm.SetAsync(1, Key, "stored", s_long);
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.1), int.MaxValue, StoreOperation.Look);
        var generator = new TestGenerator(farm);
        Assert.Equal("stored", await farm.GetAsync(0, generator, s_long));
        Assert.Equal(0, generator.Runs);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.LosesAnswer)]
    public async Task Once_the_store_counts_as_down_nobody_waits_for_it(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 1, UseTimeouts);
        await NoticeDownAsync(farm, 0, fault);

        var store = farm.StoreOf(0);
        int Asked() => store.Calls(StoreOperation.Read) + store.Calls(StoreOperation.Claim) + store.Calls(StoreOperation.Write) + store.Calls(StoreOperation.Invalidate);
        var (since, asked) = (farm.Now, Asked());
        for (var i = 0; i < 20; i++)
        {
            var generator = new TestGenerator(farm, name: "cold");
            Assert.Equal("cold 1", await farm.GetAsync(0, generator, s_long, $"cold {i}"));
            Assert.Equal(default, await farm.TryGetAsync<string>(0, $"looked for {i}"));
            Assert.True((await farm.SetAsync(0, $"set {i}", "set", s_long)).IsPending);
            Assert.True((await farm.AnswerAsync(farm.Node(0).RemoveAsync($"removed {i}"))).IsPending);
            Assert.Equal("set", farm.Hit(0, generator, s_long, $"set {i}"));
        }

        AssertNoTimeHasPassed(farm, since);
        Assert.Equal(asked, Asked());

        // It is probed all the while, and not more than that.
        var probes = store.Calls(StoreOperation.Check);
        await farm.AdvanceAsync(Seconds(10));
        Assert.InRange(store.Calls(StoreOperation.Check) - probes, 12, 21);
        Assert.Equal(asked, Asked());
    }

    [SharedTheory]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.AnswersLate)]
    [InlineData(StoreFault.IsSlow)]
    [InlineData(StoreFault.Refuses)]
    public async Task A_warm_read_never_waits_however_slow_the_store_is(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm, takes: Seconds(0.3));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);
        foreach (var time in (TimeSpan[])[Seconds(0.2), Seconds(0.9), Seconds(3)])
        {
            foreach (var i in farm.Indexes)
                farm.StoreOf(i).Break(fault, time, int.MaxValue);
            for (var step = 0; step < 75; step++)
            {
                foreach (var i in farm.Indexes)
                    farm.Hit(i, generator, Active);
                await farm.AdvanceAsync(Seconds(0.2));
            }
        }
    }

    [SharedTheory]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.LosesAnswer)]
    [InlineData(StoreFault.Refuses)]
    public async Task A_set_and_a_removal_return_within_the_write_timeout_as_pending(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 1, UseTimeouts);
        farm.StoreOf(0).Break(fault, StoreOperation.Write, StoreOperation.Invalidate);
        for (var i = 0; i < 6; i++)
        {
            var asked = farm.Now;
            Assert.Equal(new ChangeResult(false, 0) { IsPending = true }, await farm.SetAsync(0, $"set {i}", "set", s_long));
            AssertWaited(farm, asked, s_writeTimeout);
            asked = farm.Now;
            Assert.Equal(new ChangeResult(false, 0) { IsPending = true }, await farm.AnswerAsync(farm.Node(0).RemoveAsync($"removed {i}")));
            AssertWaited(farm, asked, s_writeTimeout);
        }
    }

    [SharedFact]
    public async Task A_set_that_the_store_takes_late_returns_pending_and_is_done_once()
    {
        await using var farm = NewFarm(nodes: 2, UseTimeouts);
        Assert.True((await farm.SetAsync(1, Key, "before", s_long)).Accepted);
        farm.StoreOf(0).Break(StoreFault.AnswersLate, Seconds(1), int.MaxValue, StoreOperation.Write);
        Assert.True((await farm.SetAsync(0, Key, "set", s_long)).IsPending);
        farm.StoreOf(0).Heal();

        // Its first try was done: what another node sets after it stays.
        Assert.True((await farm.SetAsync(1, Key, "after", s_long)).Accepted);
        await farm.AdvanceAsync(Seconds(2));
        foreach (var i in farm.Indexes)
            Assert.Equal("after", (await farm.TryGetAsync<string>(i, Key)).Value);
    }

    [SharedTheory]
    [InlineData(0.0)]
    [InlineData(0.4)]
    [InlineData(5.0)]
    public async Task A_background_write_returns_at_once_and_the_others_see_it_soon(double storeTakes)
    {
        await using var farm = NewFarm(nodes: 2);
        foreach (var key in (string[])["set", "removed"])
        {
            await farm.SetAsync(0, key, "before", s_long);
            Assert.Equal("before", (await farm.TryGetAsync<string>(1, key)).Value);
        }

        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(storeTakes), 1, StoreOperation.Write);
        var since = farm.Now;
        var set = farm.Node(0).SetAsync("set", "set", s_background).AsTask();
        Assert.Equal(new ChangeResult(false, 0) { IsPending = true }, await farm.AnswerAsync(set));
        AssertNoTimeHasPassed(farm, since);
        Assert.Equal("set", farm.Hit(0, new TestGenerator(farm), s_background, "set"));

        await farm.AdvanceAsync(Seconds(storeTakes > 1 ? 3 : storeTakes));
        await AssertShownEverywhereAsync(farm, "set", "set");
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_read_that_was_on_its_way_does_not_cover_a_change_that_waits()
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.SetAsync(1, Key, "before", s_long);
        farm.StoreOf(0).Break(StoreFault.AnswersLate, Seconds(0.2), 1, StoreOperation.Look);
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.9), 1, StoreOperation.Write);
        var generator = new TestGenerator(farm);
        var read = farm.Call(0, generator, s_long);
        await farm.AdvanceAsync(Seconds(0.1));
        Assert.True((await farm.SetAsync(0, Key, "set", s_background)).IsPending);
        AssertNoTimeHasPassed(farm, Seconds(0.1));
        for (var step = 0; step < 20; step++)
        {
            Assert.Equal("set", farm.Hit(0, generator, s_background));
            await farm.AdvanceAsync(Seconds(0.1));
        }

        await farm.AnswerAsync(read);
        Assert.Equal(0, generator.Runs);
        Assert.Equal("set", (await farm.TryGetAsync<string>(1, Key)).Value);
    }

    [SharedFact]
    public async Task A_set_that_is_done_while_a_caller_waits_for_the_store_is_not_covered_by_what_that_caller_would_have_made()
    {
        await using var farm = NewFarm(nodes: 2);
        farm.StoreOf(0).Break(StoreFault.Hangs, StoreOperation.Look, StoreOperation.Claim);
        var generator = new TestGenerator(farm);
        var call = farm.Call(0, generator, s_long);
        await farm.AdvanceAsync(Seconds(0.1));
        Assert.True((await farm.SetAsync(0, Key, "set", s_long)).Accepted);
        Assert.Equal("set", await farm.AnswerAsync(call));
        Assert.Equal(0, generator.Runs);
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(Seconds(5));
        Assert.Equal("set", farm.Hit(0, generator, s_long));
        Assert.Equal("set", (await farm.TryGetAsync<string>(1, Key)).Value);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_change_that_waits_is_given_to_callers_where_memory_has_no_room_for_it()
    {
        await using var farm = NewFarm(nodes: 1, options =>
        {
            options.MaximumEntries = 1;
            options.MemoryPolicy = MemoryPolicy.StopAdmitting;
        });
        Assert.True((await farm.SetAsync(0, "first", "first", s_long)).Accepted);
        farm.StoreOf(0).Break(StoreFault.Throws);
        Assert.True((await farm.SetAsync(0, Key, "set", s_long)).IsPending);
        var generator = new TestGenerator(farm);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("set", await farm.GetAsync(0, generator, s_long));
            Assert.Equal("set", (await farm.TryGetAsync<string>(0, Key)).Value);
        }

        Assert.Equal(0, generator.Runs);
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(Seconds(2));
        Assert.Equal("set", await farm.GetAsync(0, generator, s_long));
    }

    [SharedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cold_caller_behind_a_change_that_hangs_waits_at_most_the_read_timeout(bool isRemoval)
    {
        await using var farm = NewFarm(nodes: 1, options =>
        {
            UseTimeouts(options);
            options.DefaultEntryOptions = s_background;
        });
        farm.StoreOf(0).Break(StoreFault.Hangs, StoreOperation.Write, StoreOperation.Invalidate);
        if (isRemoval)
            await farm.AnswerAsync(farm.Node(0).RemoveAsync(Key));
        else
            await farm.SetAsync(0, Key, "set", s_background with { RegenerationInterval = Seconds(0.01), ExpiryTolerance = TimeSpan.Zero });
        await farm.AdvanceAsync(Seconds(0.02));
        var generator = new TestGenerator(farm);
        var asked = farm.Now;
        Assert.Equal("value 1", await farm.GetAsync(0, generator, s_long));
        AssertWaited(farm, asked, s_readTimeout);
    }

    [SharedFact]
    public async Task Removals_go_on_in_the_background_where_the_caches_default_says_so()
    {
        await using var farm = NewFarm(nodes: 2, options => options.DefaultEntryOptions = s_background);
        await farm.AnswerAsync(farm.Node(0).SetAsync(Key, "before", s_long with { BackgroundWrites = false }));
        Assert.Equal("before", (await farm.TryGetAsync<string>(1, Key)).Value);
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.4), 1, StoreOperation.Invalidate);

        var since = farm.Now;
        Assert.True((await farm.AnswerAsync(farm.Node(0).RemoveAsync(Key))).IsPending);
        AssertNoTimeHasPassed(farm, since);
        Assert.Equal(default, await farm.TryGetAsync<string>(0, Key));
        await farm.AdvanceAsync(Seconds(0.4));
        await AssertFoundNowhereAsync(farm);
    }

    [SharedFact]
    public async Task A_store_that_refuses_what_changes_it_is_read_and_nobody_sees_an_error()
    {
        await using var farm = NewFarm(nodes: 2, UseTimeouts);
        for (var i = 0; i < 50; i++)
            await farm.SetAsync(1, $"stored {i}", "stored", s_long);
        foreach (var i in farm.Indexes)
        {
            farm.StoreOf(i).Break(
                StoreFault.Refuses,
                StoreOperation.Claim, StoreOperation.Commit, StoreOperation.Release, StoreOperation.Renew, StoreOperation.Touch, StoreOperation.Write, StoreOperation.Invalidate);
        }

        var since = farm.Now;
        for (var i = 0; i < 50; i++)
        {
            var generator = new TestGenerator(farm, name: "made");
            Assert.Equal("made 1", await farm.GetAsync(0, generator, Active, $"cold {i}"));
            Assert.True((await farm.SetAsync(0, $"set {i}", "set", s_long)).IsPending);

            // Not down: what it has is found.
            Assert.Equal("stored", await farm.GetAsync(0, generator, s_long, $"stored {i}"));
            Assert.Equal("stored", (await farm.TryGetAsync<string>(0, $"stored {i}")).Value);
            Assert.Equal(1, generator.Runs);
        }

        // Nor is anything waited for, as a refusal is an answer.
        AssertNoTimeHasPassed(farm, since);
        await farm.AdvanceAsync(Seconds(20));
        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Heal();
        await farm.AdvanceAsync(Seconds(2));
        for (var i = 0; i < 50; i++)
            Assert.Equal("set", (await farm.TryGetAsync<string>(1, $"set {i}")).Value);
    }

    private static void UseTimeouts(RegenCacheOptions options)
    {
        options.StoreReadTimeout = s_readTimeout;
        options.StoreWriteTimeout = s_writeTimeout;
    }

    private static void AssertWaited(Farm farm, TimeSpan since, TimeSpan atMost) =>
        Assert.InRange(farm.Now - since, TimeSpan.Zero, atMost + farm.Slack);

    private static async Task NoticeDownAsync(Farm farm, int node, StoreFault fault)
    {
        farm.StoreOf(node).Break(fault);
        for (var i = 0; i < 4; i++)
            await farm.TryGetAsync<string>(node, $"noticing {i}");
        await farm.AdvanceAsync(s_noticed);
    }
}
