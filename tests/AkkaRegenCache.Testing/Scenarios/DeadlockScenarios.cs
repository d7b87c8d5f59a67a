using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A23 generators on several nodes that wait for each other's keys.</summary>
[Trait("Row", "A23")]
public abstract class DeadlockScenarios(FarmMode mode) : Scenario(mode)
{
    /// <summary>How soon a circle is found.</summary>
    private static readonly TimeSpan s_soon = Seconds(1);

    private static readonly TimeSpan s_deadline = Seconds(30);
    private static readonly RegenEntryOptions s_options = Passive with { GenerationDeadline = s_deadline };

    [SharedFact]
    public async Task Two_generators_on_two_nodes_that_wait_for_each_other_are_found_within_a_second()
    {
        await using var farm = NewFarm(nodes: 2);
        var runs = await BeginAsync(farm, ("a", 0, "b"), ("b", 1, "a"));

        await runs.AssertFoundSoonAsync();

        // One call fails as it would have where both are on one node; the other generator's gets what became of that.
        var error = Assert.Single(runs.Refused);
        Assert.Contains("'a' → 'b' → 'a'", error.Message, StringComparison.Ordinal);
        Assert.Same(error, await farm.FailureAsync<InvalidOperationException>(runs.Calls[0]));
        Assert.Contains(error.Message, (await farm.FailureAsync<RemoteGenerationException>(runs.Calls[1])).Message, StringComparison.Ordinal);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Three_generators_on_three_nodes_that_wait_in_a_circle_are_found_within_a_second()
    {
        await using var farm = NewFarm(nodes: 3);
        var runs = await BeginAsync(farm, ("a", 0, "b"), ("b", 1, "c"), ("c", 2, "a"));

        await runs.AssertFoundSoonAsync();

        Assert.Contains("'b' → 'c' → 'a' → 'b'", Assert.Single(runs.Refused).Message, StringComparison.Ordinal);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_circle_longer_than_an_error_can_name_is_found_all_the_same()
    {
        const int Keys = 2 * WaitProbe.MostKeys;
        await using var farm = NewFarm(nodes: 3);
        var runs = await BeginAsync(farm, [.. Enumerable.Range(0, Keys).Select(i => ($"k{i:d2}", i % 3, (string?)$"k{(i + 1) % Keys:d2}"))]);

        await runs.AssertFoundSoonAsync();

        // The wait for the greatest key is the one that fails.
        Assert.Contains("'k30' → 'k31' → 'k00' → 'k01'", Assert.Single(runs.Refused).Message, StringComparison.Ordinal);
        Assert.EndsWith(" → '…' → 'k30'", runs.Refused.Single().Message.Split(". It would wait")[0], StringComparison.Ordinal);
        await AssertNothingLeftAsync(farm);
    }

    [SharedTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Lost_probes_do_not_hide_a_circle(int lost)
    {
        await using var farm = NewFarm(nodes: 2);
        foreach (var i in farm.Indexes)
        {
            var left = lost;
            farm.BusOf(i).Loses = notification => notification.Kind == NotificationKind.WaitProbe && left-- > 0;
        }

        var runs = await BeginAsync(farm, ("a", 0, "b"), ("b", 1, "a"));

        await runs.AssertFoundSoonAsync();
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_circle_that_a_wait_on_one_node_closes_late_is_found_within_a_second()
    {
        await using var farm = NewFarm(nodes: 2);
        var gate = farm.NewGate();
        var runs = await BeginAsync(farm, gate, ("a", 0, "x"));
        var others = await BeginAsync(farm, ("x", 0, "y"), ("y", 1, "a"));

        // By now the waits that were there before are looked at seldom.
        others.Open();
        await farm.AdvanceAsync(Seconds(20));
        Assert.Empty(others.Refused);

        await runs.AssertFoundSoonAsync();
        Assert.Contains("'x' → 'y' → 'a' → 'x'", Assert.Single(others.Refused).Message, StringComparison.Ordinal);
        await others.EndAsync();
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Who_waits_for_a_circle_from_outside_is_told_of_its_failure()
    {
        await using var farm = NewFarm(nodes: 3);
        var runs = await BeginAsync(farm, ("z", 2, "a"), ("a", 0, "b"), ("b", 1, "a"));

        await runs.AssertFoundSoonAsync();

        Assert.Contains("'a' → 'b' → 'a'", Assert.Single(runs.Refused).Message, StringComparison.Ordinal);
        await farm.FailureAsync<RemoteGenerationException>(runs.Calls[0]);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_generator_that_can_do_without_the_refused_key_lets_the_other_one_finish()
    {
        await using var farm = NewFarm(nodes: 2);
        var runs = await BeginAsync(farm, farm.NewGate(), doWithout: true, ("a", 0, "b"), ("b", 1, "a"));

        runs.Open();

        Assert.Equal(["a alone", "b(a alone)"], await farm.AnswersAsync(runs.Calls));
        Assert.InRange(farm.Now - runs.Begun, TimeSpan.Zero, s_soon + farm.Slack);
        await AssertNothingLeftAsync(farm);
    }

    [SharedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Generators_that_block_their_threads_for_each_other_are_found_within_a_second(bool runsForEachOther)
    {
        await using var farm = NewFarm(nodes: 2);
        var gate = farm.NewGate();
        var calls = new[]
        {
            Begin("a", 0, runsForEachOther ? () => Ask(0, "x", () => Ask(0, "b")) : () => Ask(0, "b")),
            Begin("b", 1, () => Ask(1, "a")),
        };
        await farm.SettleAsync();
        var begun = farm.Now;
        gate.Open();

        foreach (var call in calls)
            await farm.FailureAsync<Exception>(call);

        Assert.InRange(farm.Now - begun, TimeSpan.Zero, s_soon + farm.Slack);
        await farm.FailureAsync<InvalidOperationException>(calls[0]);
        await AssertNothingLeftAsync(farm);

        Task<string> Begin(string key, int node, Func<string> generate) => farm.Node(node).GetOrCreateAsync(
            key,
            async ct =>
            {
                await gate.PassAsync(ct);

                // Off the thread that opens the gate.
                await Task.Yield();
                return generate();
            },
            Passive).AsTask();

        string Ask(int node, string key, Func<string>? generate = null) =>
            farm.Node(node).GetOrAdd(key, generate ?? (() => "not run"), TimeSpan.Zero, Seconds(10));
    }

    [SharedFact]
    public async Task A_circle_through_two_caches_is_found_within_a_second()
    {
        await using var farm = NewFarm(nodes: 2);
        var gate = farm.NewGate();
        var others = new[] { farm.Another("others"), farm.Another("others") };
        var calls = new[]
        {
            farm.Node(0).GetOrCreateAsync("a", ct => AskAsync(others[0], "b", ct), Passive).AsTask(),
            others[1].GetOrCreateAsync("b", ct => AskAsync(farm.Node(1), "a", ct), Passive).AsTask(),
        };
        await farm.SettleAsync();
        var begun = farm.Now;
        gate.Open();

        Assert.Contains("'a' → 'b' → 'a'", (await farm.FailureAsync<InvalidOperationException>(calls[0])).Message, StringComparison.Ordinal);
        await farm.FailureAsync<RemoteGenerationException>(calls[1]);
        Assert.InRange(farm.Now - begun, TimeSpan.Zero, s_soon + farm.Slack);

        async ValueTask<string> AskAsync(IRegenCache cache, string key, CancellationToken cancellationToken)
        {
            await gate.PassAsync(cancellationToken);
            return await cache.GetOrCreateAsync(key, _ => new ValueTask<string>("not run"), Passive, cancellationToken);
        }
    }

    [SharedFact]
    public async Task A_generator_that_waits_for_one_that_waits_for_nothing_gets_its_value_however_long_it_takes()
    {
        await using var farm = NewFarm(nodes: 2);
        var slow = new TestGenerator(farm, takes: Seconds(20), name: "slow");
        var first = farm.Call(1, slow, Passive, "b");
        var runs = await BeginAsync(farm, ("a", 0, "b"));
        runs.Open();

        Assert.Equal("a(slow 1)", await farm.AnswerAsync(runs.Calls[0]));

        Assert.Equal("slow 1", await farm.AnswerAsync(first));
        Assert.InRange(farm.Now, Seconds(20), Seconds(20) + farm.Slack);

        // It was looked for, and ever less often.
        Assert.InRange(farm.BusOf(0).Sent(NotificationKind.WaitProbe), 5, 12);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_long_chain_of_generators_that_closes_no_circle_gets_its_values()
    {
        const int Keys = 20;
        await using var farm = NewFarm(nodes: 3);
        var last = farm.Call(Keys % 3, new TestGenerator(farm, takes: Seconds(10), name: "last"), Passive, $"k{Keys}");
        var runs = await BeginAsync(farm, [.. Enumerable.Range(0, Keys).Select(i => ($"k{i}", i % 3, (string?)$"k{i + 1}"))]);
        runs.Open();

        var answers = await farm.AnswersAsync(runs.Calls);

        Assert.Equal("last 1", await farm.AnswerAsync(last));
        Assert.All(answers, answer => Assert.Contains("(last 1)", answer, StringComparison.Ordinal));
        Assert.Empty(runs.Refused);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Generators_that_share_what_they_need_make_no_circle()
    {
        await using var farm = NewFarm(nodes: 2);
        var slow = new TestGenerator(farm, takes: Seconds(5), name: "slow");
        var first = farm.Call(0, slow, Passive, "c");
        var runs = await BeginAsync(farm, ("a", 0, "b"), ("b", 1, "c"), ("d", 1, "c"));
        runs.Open();

        Assert.Equal(["a(b(slow 1))", "b(slow 1)", "d(slow 1)"], await farm.AnswersAsync(runs.Calls));
        Assert.Equal("slow 1", await farm.AnswerAsync(first));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Callers_outside_of_generators_send_no_probes()
    {
        await using var farm = NewFarm(nodes: 2);
        var slow = new TestGenerator(farm, takes: Seconds(10));

        await farm.AnswersAsync(await farm.CallTogetherAsync(farm.Indexes, 10, i => farm.Call(i, slow, Passive)));

        Assert.All(farm.Indexes, i => Assert.Equal(0, farm.BusOf(i).Sent(NotificationKind.WaitProbe)));
    }

    [SharedFact]
    public async Task Nodes_without_notifications_end_a_circle_at_the_generation_deadline()
    {
        await using var farm = NewFarm(nodes: 2, options => options.NotificationsEnabled = false);
        var runs = await BeginAsync(farm, ("a", 0, "b"), ("b", 1, "a"));
        runs.Open();

        foreach (var call in runs.Calls)
            await farm.FailureAsync<Exception>(call);

        Assert.InRange(farm.Now, s_deadline, s_deadline + Seconds(5));
        Assert.Empty(runs.Refused);
    }

    private static Task<Runs> BeginAsync(Farm farm, params (string Key, int Node, string? Next)[] runs) => BeginAsync(farm, farm.NewGate(), runs);

    private static Task<Runs> BeginAsync(Farm farm, Gate gate, params (string Key, int Node, string? Next)[] runs) => BeginAsync(farm, gate, doWithout: false, runs);

    /// <summary>Begins runs, each on its node. Once the gate is open each asks its own node for another key, which is held by the run of that one.</summary>
    private static async Task<Runs> BeginAsync(Farm farm, Gate gate, bool doWithout, params (string Key, int Node, string? Next)[] runs)
    {
        var refused = new ConcurrentQueue<InvalidOperationException>();
        var calls = runs.Select(run => farm.Node(run.Node).GetOrCreateAsync(run.Key, ct => RunAsync(run.Key, run.Node, run.Next!, ct), s_options).AsTask()).ToArray();
        await farm.SettleAsync();
        return new Runs(farm, gate, calls, refused);

        async ValueTask<string> RunAsync(string key, int node, string next, CancellationToken cancellationToken)
        {
            await gate.PassAsync(cancellationToken);
            try
            {
                return $"{key}({await farm.Node(node).GetOrCreateAsync(next, _ => new ValueTask<string>("not run"), s_options, cancellationToken)})";
            }
            catch (InvalidOperationException e)
            {
                refused.Enqueue(e);
                if (doWithout)
                    return $"{key} alone";
                throw;
            }
        }
    }

    /// <summary>Generators that wait at a gate.</summary>
    private sealed class Runs(Farm farm, Gate gate, Task<string>[] calls, ConcurrentQueue<InvalidOperationException> refused)
    {
        private TimeSpan? _begun;

        public Task<string>[] Calls => calls;

        /// <summary>The calls inside them that would have waited for their own run.</summary>
        public IReadOnlyCollection<InvalidOperationException> Refused => refused;

        public TimeSpan Begun => _begun ?? throw new InvalidOperationException("The gate is not open.");

        public void Open()
        {
            _begun ??= farm.Now;
            gate.Open();
        }

        /// <summary>All end with an error, within a second of the time since they asked for each other.</summary>
        public async Task AssertFoundSoonAsync()
        {
            Open();
            await EndAsync();
            Assert.InRange(farm.Now - Begun, TimeSpan.Zero, s_soon + farm.Slack);
        }

        public async Task EndAsync()
        {
            foreach (var call in calls)
                await farm.FailureAsync<Exception>(call);
        }
    }
}
