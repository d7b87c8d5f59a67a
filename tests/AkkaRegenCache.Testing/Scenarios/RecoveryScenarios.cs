using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>What was changed while the store was away is there soon after it is back, on every node, and in the right order.</summary>
[Trait("Row", "C5")]
public abstract class RecoveryScenarios(FarmMode mode) : Scenario(mode)
{
    /// <summary>After healing nothing is stale for longer than this.</summary>
    private static readonly TimeSpan s_stale = Seconds(2);

    private static readonly RegenEntryOptions s_long = new()
    {
        RegenerationInterval = Seconds(600),
        InactiveRetention = TimeSpan.Zero,
        ExpiryTolerance = Seconds(60),
    };

    /// <summary>S: sets; R: removes. On the nodes named by the digits.</summary>
    public static TheoryData<StoreFault, string> Orders()
    {
        var data = new TheoryData<StoreFault, string>();
        foreach (var fault in (StoreFault[])[StoreFault.Throws, StoreFault.Hangs, StoreFault.LosesAnswer, StoreFault.Refuses])
        {
            foreach (var order in Extent.Of("S", "R", "SS", "SR", "RS", "RR", "SRS", "RSR", "SRSR", "RSRS", "SSRRSS"))
                data.Add(fault, order);
        }

        return data;
    }

    [SharedTheory]
    [MemberData(nameof(Orders))]
    public async Task Changes_of_one_node_that_waited_end_as_the_last_of_them(StoreFault fault, string order)
    {
        // Asked one after the other, or together.
        foreach (var apart in (double[])[0, 0.3])
        {
            await using var farm = NewFarm(nodes: 3);
            await FillAsync(farm, "before");
            Break(farm.StoreOf(0), fault);
            string? last = "before";
            for (var i = 0; i < order.Length; i++)
            {
                last = order[i] == 'S' ? $"set {i}" : null;
                Assert.True((await ChangeAsync(farm, 0, last)).IsPending);
                Assert.Equal(last, await ShownAsync(farm, 0));
                await farm.AdvanceAsync(Seconds(apart));
            }

            farm.StoreOf(0).Heal();
            await farm.AdvanceAsync(s_stale);
            await AssertAllShowAsync(farm, last);
            await AssertStaysAsync(farm, last);
        }
    }

    [SharedTheory]
    [MemberData(nameof(Orders))]
    public async Task Changes_asked_together_while_the_store_hangs_end_as_the_last_of_them(StoreFault fault, string order)
    {
        await using var farm = NewFarm(nodes: 2);
        await FillAsync(farm, "before");

        // A store may take longer over what it does for the first time, and calls that are asked together come in any order then.
        await ChangeAsync(farm, 0, null, "another");
        Break(farm.StoreOf(0), fault);
        string? last = "before";
        var calls = new List<Task<ChangeResult>>();
        for (var i = 0; i < order.Length; i++)
        {
            last = order[i] == 'S' ? $"set {i}" : null;
            calls.Add(BeginChange(farm, 0, last));
        }

        // Whoever was overtaken by a later one hears that, or that it is pending as well.
        Assert.All(await farm.AnswersAsync(calls), result => Assert.False(result.Accepted));
        Assert.Equal(last, await ShownAsync(farm, 0));
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(s_stale);
        await AssertAllShowAsync(farm, last);
        await AssertStaysAsync(farm, last);
    }

    [SharedTheory]
    [InlineData("S0 S1", 0)]
    [InlineData("S0 S1", 1)]
    [InlineData("S0 S1", 2)]
    [InlineData("S0 R1", 0)]
    [InlineData("S0 R1", 1)]
    [InlineData("R0 S1", 0)]
    [InlineData("R0 S1", 1)]
    [InlineData("R0 R1", 2)]
    [InlineData("S0 R0 S1 R1 S0", 0)]
    [InlineData("S0 R0 S1 R1 S0", 1)]
    [InlineData("S1 S0 R1 R0", 2)]
    public async Task Changes_of_two_nodes_that_waited_end_as_one_of_their_last_on_all_nodes(string order, int firstBack)
    {
        foreach (var fault in (StoreFault[])[StoreFault.Throws, StoreFault.Hangs, StoreFault.LosesAnswer])
        {
            await using var farm = NewFarm(nodes: 3);
            await FillAsync(farm, "before");
            Break(farm.StoreOf(0), fault);
            Break(farm.StoreOf(1), fault);
            var lasts = new string?[2];
            foreach (var (step, i) in order.Split(' ').Select((step, i) => (step, i)))
            {
                var node = step[1] - '0';
                lasts[node] = step[0] == 'S' ? $"set {i} on {node}" : null;
                Assert.True((await ChangeAsync(farm, node, lasts[node])).IsPending);
                await farm.AdvanceAsync(Seconds(0.2));
            }

            if (firstBack < 2)
            {
                farm.StoreOf(firstBack).Heal();
                await farm.AdvanceAsync(s_stale);
            }

            farm.StoreOf(0).Heal();
            farm.StoreOf(1).Heal();
            await farm.AdvanceAsync(s_stale);
            var agreed = await ShownAsync(farm, 2);
            Assert.Contains(agreed, lasts);
            await AssertAllShowAsync(farm, agreed);
            await AssertStaysAsync(farm, agreed);
        }
    }

    /// <summary>The pending one of node 0, the accepted one of node 1, and which came later.</summary>
    [SharedTheory]
    [InlineData('S', 'S', true)]
    [InlineData('S', 'R', true)]
    [InlineData('R', 'S', true)]
    [InlineData('R', 'R', true)]
    [InlineData('S', 'S', false)]
    [InlineData('S', 'R', false)]
    [InlineData('R', 'S', false)]
    [InlineData('R', 'R', false)]
    public async Task A_change_that_waited_loses_to_what_came_after_it_and_to_nothing_else(char mine, char theirs, bool theirsIsLater)
    {
        foreach (var fault in (StoreFault[])[StoreFault.Throws, StoreFault.Hangs])
        {
            foreach (var hears in (bool[])[true, false])
            {
                await using var farm = NewFarm(nodes: 3);
                await FillAsync(farm, "before");
                Break(farm.StoreOf(0), fault);
                var waiting = mine == 'S' ? "mine" : null;
                var other = theirs == 'S' ? "theirs" : null;
                farm.BusOf(1).IsMuted = !hears;
                if (theirsIsLater)
                    Assert.True((await ChangeAsync(farm, 0, waiting)).IsPending);
                await farm.AdvanceAsync(Seconds(0.5));
                Assert.True((await ChangeAsync(farm, 1, other)).Accepted);
                await farm.AdvanceAsync(Seconds(0.5));
                if (!theirsIsLater)
                    Assert.True((await ChangeAsync(farm, 0, waiting)).IsPending);

                // Until the store says who has won, the node shows its own.
                await farm.AdvanceAsync(Seconds(1));
                Assert.Equal(waiting, await ShownAsync(farm, 0));

                farm.BusOf(1).IsMuted = false;
                farm.StoreOf(0).Heal();
                await farm.AdvanceAsync(s_stale);
                await AssertAllShowAsync(farm, theirsIsLater ? other : waiting);
                await AssertStaysAsync(farm, theirsIsLater ? other : waiting);
            }
        }
    }

    [SharedTheory]
    [InlineData('S', 'S')]
    [InlineData('S', 'R')]
    [InlineData('R', 'S')]
    public async Task A_change_that_hangs_is_not_shown_over_a_later_one_that_the_store_has_taken(char first, char second)
    {
        await using var farm = NewFarm(nodes: 2);
        await FillAsync(farm, "before");
        farm.StoreOf(0).Break(StoreFault.Hangs, default, 1, first == 'S' ? StoreOperation.Write : StoreOperation.Invalidate);
        var hanging = BeginChange(farm, 0, first == 'S' ? "first" : null);
        await farm.AdvanceAsync(Seconds(0.2));
        farm.StoreOf(0).Heal();
        var last = second == 'S' ? "second" : null;
        Assert.True((await ChangeAsync(farm, 0, last)).Accepted);
        for (var step = 0; step < 30; step++)
        {
            Assert.Equal(last, await ShownAsync(farm, 0));
            await farm.AdvanceAsync(Seconds(0.1));
        }

        Assert.False((await farm.AnswerAsync(hanging)).Accepted);
        await AssertAllShowAsync(farm, last);
        await AssertStaysAsync(farm, last);
    }

    [SharedTheory]
    [InlineData('S')]
    [InlineData('R')]
    public async Task A_change_that_was_done_and_not_answered_does_not_undo_what_came_after_it(char mine)
    {
        await using var farm = NewFarm(nodes: 3);
        await FillAsync(farm, "before");
        Break(farm.StoreOf(0), StoreFault.LosesAnswer);
        Assert.True((await ChangeAsync(farm, 0, mine == 'S' ? "mine" : null)).IsPending);
        await farm.AdvanceAsync(Seconds(0.2));
        Assert.True((await ChangeAsync(farm, 1, "theirs")).Accepted);
        await farm.AdvanceAsync(Seconds(0.2));
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(s_stale);
        await AssertAllShowAsync(farm, "theirs");
    }

    [SharedTheory]
    [InlineData('S')]
    [InlineData('R')]
    public async Task A_change_that_was_done_and_not_answered_is_seen_by_all_though_its_node_stays_cut_off(char mine)
    {
        await using var farm = NewFarm(nodes: 3);
        await FillAsync(farm, "before");
        var wanted = mine == 'S' ? "mine" : null;
        Break(farm.StoreOf(0), StoreFault.LosesAnswer);
        Assert.True((await ChangeAsync(farm, 0, wanted)).IsPending);
        await farm.AdvanceAsync(Seconds(3));
        await AssertAllShowAsync(farm, wanted);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task What_another_node_made_after_a_removal_that_waits_is_kept_and_what_it_began_before_is_not(StoreFault fault)
    {
        foreach (var beganBefore in (bool[])[true, false])
        {
            await using var farm = NewFarm(nodes: 2);
            var generator = new TestGenerator(farm);
            var gate = generator.Shut();
            farm.StoreOf(0).Break(fault);
            Task<string>? call = null;
            if (beganBefore)
                call = farm.Call(1, generator, s_long);
            await farm.AdvanceAsync(Seconds(0.5));
            Assert.True((await ChangeAsync(farm, 0, null)).IsPending);
            await farm.AdvanceAsync(Seconds(0.5));
            call ??= farm.Call(1, generator, s_long);
            await farm.AdvanceAsync(Seconds(0.5));
            gate.Open();
            Assert.Equal("value 1", await farm.AnswerAsync(call));
            await farm.AdvanceAsync(Seconds(0.5));

            farm.StoreOf(0).Heal();
            await farm.AdvanceAsync(s_stale);
            await AssertAllShowAsync(farm, beganBefore ? null : "value 1");
        }
    }

    [SharedTheory]
    [InlineData('S')]
    [InlineData('R')]
    public async Task A_change_that_waited_while_this_node_was_generating_is_not_undone_by_it(char mine)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var gate = generator.Shut();
        var call = farm.Call(0, generator, s_long);
        await farm.AdvanceAsync(Seconds(0.5));
        farm.StoreOf(0).Break(StoreFault.Hangs);
        var wanted = mine == 'S' ? "mine" : null;
        Assert.True((await ChangeAsync(farm, 0, wanted)).IsPending);
        gate.Open();
        await farm.AnswerAsync(call);
        Assert.Equal(wanted, await ShownAsync(farm, 0));
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(s_stale);
        await AssertAllShowAsync(farm, wanted);
        await AssertStaysAsync(farm, wanted);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    [InlineData(StoreFault.LosesAnswer)]
    public async Task After_an_outage_longer_than_the_life_of_what_was_set_nobody_has_it_nor_what_was_before(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        await FillAsync(farm, "before");
        Break(farm.StoreOf(0), fault);
        Assert.True((await farm.SetAsync(0, Key, "set", Passive)).IsPending);
        await farm.AdvanceAsync(Seconds(10.5));
        Assert.Equal("set", await ShownAsync(farm, 0));
        await farm.AdvanceAsync(Seconds(9));
        Assert.Null(await ShownAsync(farm, 0));

        // Down or not, there is a value for who asks for one.
        var generator = new TestGenerator(farm, name: "again");
        Assert.Equal("again 1", await farm.GetAsync(0, generator, s_long));
        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(s_stale);
        foreach (var i in farm.Indexes)
            Assert.StartsWith("again", await farm.GetAsync(i, generator, s_long), StringComparison.Ordinal);
    }

    [SharedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Beyond_the_most_that_may_wait_a_change_fails_by_name_and_nothing_old_is_shown(bool isSet)
    {
        const int Most = 3;
        await using var farm = NewFarm(nodes: 2, options => options.MaximumPendingChanges = Most);
        await FillAsync(farm, "before", "one too many");
        Break(farm.StoreOf(0), StoreFault.Throws);
        for (var i = 0; i < Most; i++)
            Assert.True((await farm.SetAsync(0, $"key {i}", "set", s_long)).IsPending);

        var failure = await farm.FailureAsync<RegenStoreException>(BeginChange(farm, 0, isSet ? "set" : null, "one too many"));
        Assert.Contains("'one too many'", failure.Message, StringComparison.Ordinal);
        Assert.Null(await ShownAsync(farm, 0, "one too many"));

        // Those that wait may be changed again: no more of them wait than before.
        for (var i = 0; i < Most; i++)
            Assert.True((await farm.SetAsync(0, $"key {i}", "set again", s_long)).IsPending);

        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(s_stale);
        for (var i = 0; i < Most; i++)
            await AssertAllShowAsync(farm, "set again", $"key {i}");
        await AssertAllShowAsync(farm, "before", "one too many");
        Assert.True((await farm.SetAsync(0, "one too many", "after", s_long)).Accepted);
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws, 3.0)]
    [InlineData(StoreFault.Hangs, 5.3)]
    [InlineData(StoreFault.Throws, 7.77)]
    public async Task Of_ten_thousand_entries_changed_elsewhere_none_is_stale_two_seconds_after_a_node_is_connected_again(StoreFault fault, double outage)
    {
        const int Entries = 10_000;
        await using var farm = NewFarm(nodes: 2);
        for (var i = 0; i < Entries; i++)
        {
            await ChangeAsync(farm, 0, $"before {i}", $"key {i}");
            Assert.Equal($"before {i}", await ShownAsync(farm, 1, $"key {i}"));
        }

        Assert.Equal(Entries, farm.MemoryEntries(1));
        farm.BusOf(0).IsMuted = farm.BusOf(1).IsMuted = true;
        Break(farm.StoreOf(1), fault);
        await farm.AdvanceAsync(Seconds(outage / 2));
        for (var i = 0; i < Entries; i++)
            Assert.True((await ChangeAsync(farm, 0, After(i), $"key {i}")).Accepted);
        await farm.AdvanceAsync(Seconds(outage / 2));

        // Cut off, it shows what it has.
        Assert.Equal("before 1", await ShownAsync(farm, 1, "key 1"));
        farm.BusOf(0).IsMuted = farm.BusOf(1).IsMuted = false;
        farm.StoreOf(1).Heal();
        await farm.AdvanceAsync(s_stale);
        for (var i = 0; i < Entries; i++)
            Assert.Equal(After(i), await ShownAsync(farm, 1, $"key {i}"));
        await AssertNothingLeftAsync(farm);

        static string? After(int i) => i % 5 == 0 ? null : i % 3 == 0 ? $"before {i}" : $"after {i}";
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task Ten_thousand_changes_that_waited_are_on_all_nodes_two_seconds_after_the_store_is_back(StoreFault fault)
    {
        const int Entries = 10_000;
        await using var farm = NewFarm(nodes: 2);
        for (var i = 0; i < Entries; i++)
        {
            await ChangeAsync(farm, 0, $"before {i}", $"key {i}");
            Assert.Equal($"before {i}", await ShownAsync(farm, 1, $"key {i}"));
        }

        foreach (var i in farm.Indexes)
            Break(farm.StoreOf(i), fault);
        await farm.AdvanceAsync(Seconds(1));
        for (var i = 0; i < 4; i++)
            await farm.TryGetAsync<string>(0, $"noticing {i}");
        await farm.AdvanceAsync(Seconds(2));
        for (var i = 0; i < Entries; i++)
            Assert.True((await ChangeAsync(farm, 0, After(i), $"key {i}")).IsPending);
        Assert.Equal(After(1), await ShownAsync(farm, 0, "key 1"));

        foreach (var i in farm.Indexes)
            farm.StoreOf(i).Heal();
        await farm.AdvanceAsync(s_stale);
        for (var i = 0; i < Entries; i++)
        {
            foreach (var node in farm.Indexes)
                Assert.Equal(After(i), await ShownAsync(farm, node, $"key {i}"));
        }

        await AssertNothingLeftAsync(farm);

        static string? After(int i) => i % 5 == 0 ? null : $"after {i}";
    }

    [SharedFact]
    public async Task Notifications_that_failed_to_be_sent_are_made_up_for()
    {
        await using var farm = NewFarm(nodes: 3);
        await FillAsync(farm, "before");
        farm.BusOf(0).Fails = true;
        Assert.True((await ChangeAsync(farm, 0, "after")).Accepted);
        await farm.AdvanceAsync(Seconds(3));
        farm.BusOf(0).Fails = false;
        await farm.AdvanceAsync(s_stale);
        await AssertAllShowAsync(farm, "after");
    }

    [SharedTheory]
    [InlineData(0.0)]
    [InlineData(0.05)]
    [InlineData(0.4)]
    public async Task A_node_that_leaves_when_the_store_is_back_takes_what_waited_there(double afterHealing)
    {
        const int Changes = 300;
        await using var farm = NewFarm(nodes: 2);
        await FillAsync(farm, "before");
        Break(farm.StoreOf(0), StoreFault.Throws);
        for (var i = 0; i < Changes; i++)
            Assert.True((await ChangeAsync(farm, 0, $"set {i}", $"key {i}")).IsPending);
        Assert.True((await ChangeAsync(farm, 0, "first")).IsPending);
        Assert.True((await ChangeAsync(farm, 0, null)).IsPending);
        Assert.True((await ChangeAsync(farm, 0, "last")).IsPending);

        farm.StoreOf(0).Heal();
        await farm.AdvanceAsync(Seconds(afterHealing));
        var since = farm.Now;
        await farm.LeaveAsync(0);
        Assert.InRange(farm.Now - since, TimeSpan.Zero, Seconds(1.5));
        await farm.AdvanceAsync(s_stale);
        for (var i = 0; i < Changes; i++)
            Assert.Equal($"set {i}", await ShownAsync(farm, 1, $"key {i}"));
        Assert.Equal("last", await ShownAsync(farm, 1));
    }

    [SharedFact]
    public async Task A_node_that_leaves_while_the_store_is_slow_takes_what_waited_there()
    {
        await using var farm = NewFarm(nodes: 2);
        await FillAsync(farm, "before");
        Break(farm.StoreOf(0), StoreFault.Throws);
        Assert.True((await ChangeAsync(farm, 0, "first")).IsPending);
        Assert.True((await ChangeAsync(farm, 0, null)).IsPending);
        Assert.True((await ChangeAsync(farm, 0, "last")).IsPending);

        // One call after the other: each has to be waited for.
        farm.StoreOf(0).Heal();
        farm.StoreOf(0).Break(StoreFault.IsSlow, Seconds(0.1), int.MaxValue);
        await farm.LeaveAsync(0);
        await farm.AdvanceAsync(s_stale);
        Assert.Equal("last", await ShownAsync(farm, 1));
    }

    [SharedTheory]
    [InlineData(StoreFault.Throws)]
    [InlineData(StoreFault.Hangs)]
    public async Task A_node_that_leaves_while_the_store_is_down_does_so_in_bounded_time(StoreFault fault)
    {
        await using var farm = NewFarm(nodes: 2);
        Break(farm.StoreOf(0), fault);
        for (var i = 0; i < 200; i++)
            Assert.True((await ChangeAsync(farm, 0, "set", $"key {i}")).IsPending);
        var since = farm.Now;
        await farm.LeaveAsync(0);
        Assert.InRange(farm.Now - since, TimeSpan.Zero, Seconds(1.5));
    }

    private static Task<ChangeResult> BeginChange(Farm farm, int node, string? value, string key = Key) =>
        value is null ? farm.Node(node).RemoveAsync(key).AsTask() : farm.Node(node).SetAsync(key, value, s_long).AsTask();

    /// <summary>Sets the value, or as null removes the key.</summary>
    private static async Task<ChangeResult> ChangeAsync(Farm farm, int node, string? value, string key = Key)
    {
        var call = BeginChange(farm, node, value, key);
        return call.IsCompletedSuccessfully ? await call : await farm.AnswerAsync(call);
    }

    /// <summary>What a reader on the node gets; null: nothing.</summary>
    private static async Task<string?> ShownAsync(Farm farm, int node, string key = Key)
    {
        var call = farm.Node(node).TryGetAsync<string>(key).AsTask();
        return (call.IsCompletedSuccessfully ? await call : await farm.AnswerAsync(call)) is { Found: true, Value: var value } ? value : null;
    }

    /// <summary>Sets a value, and has it in the memory of all nodes.</summary>
    private static async Task FillAsync(Farm farm, string value, string key = Key)
    {
        Assert.True((await ChangeAsync(farm, 0, value, key)).Accepted);
        foreach (var i in farm.Indexes)
            Assert.Equal(value, await ShownAsync(farm, i, key));
        await farm.AdvanceAsync(Seconds(1));
    }

    /// <summary>A store that refuses can be read.</summary>
    private static void Break(ObservedStore store, StoreFault fault)
    {
        if (fault == StoreFault.Refuses)
            store.Break(fault, StoreOperation.Claim, StoreOperation.Commit, StoreOperation.Write, StoreOperation.Invalidate);
        else
            store.Break(fault);
    }

    private static async Task AssertAllShowAsync(Farm farm, string? value, string key = Key)
    {
        foreach (var i in farm.Indexes)
            Assert.Equal((i, value), (i, await ShownAsync(farm, i, key)));
    }

    /// <summary>It is in the store, too: a newcomer finds it, and nothing comes late and changes it.</summary>
    private static async Task AssertStaysAsync(Farm farm, string? value)
    {
        Assert.Equal(value, await ShownAsync(farm, farm.Join()));
        await farm.AdvanceAsync(Seconds(12));
        await AssertAllShowAsync(farm, value);
        await AssertNothingLeftAsync(farm);
    }
}
