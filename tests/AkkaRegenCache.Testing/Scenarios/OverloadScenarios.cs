using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>More distinct keys at once than a node may generate.</summary>
[Trait("Row", "Overload")]
public abstract class OverloadScenarios(FarmMode mode) : Scenario(mode)
{
    private const int Places = 3;

    [SharedFact]
    public async Task Keys_beyond_the_bound_wait_their_turn_in_the_order_they_came()
    {
        await using var farm = Bounded(nodes: 1);
        var runs = new Runs();
        var gates = Enumerable.Range(0, 20).Select(_ => farm.NewGate()).ToList();
        var calls = new List<Task<string>>();
        for (var i = 0; i < gates.Count; i++)
        {
            calls.Add(CallAsync(farm, i, runs, gates[i]));
            await farm.SettleAsync();
        }

        for (var i = 0; i < gates.Count; i++)
        {
            Assert.Equal(Enumerable.Range(0, Math.Min(i + Places, gates.Count)).Select(number => $"k{number}"), runs.Begun);
            gates[i].Open();
            await farm.SettleAsync();
        }

        Assert.Equal(Enumerable.Range(0, gates.Count).Select(i => $"value of k{i}"), await farm.AnswersAsync(calls));
        Assert.Equal(Places, runs.Most);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_key_that_waits_its_turn_here_is_made_by_a_node_that_has_a_place()
    {
        await using var farm = Bounded(nodes: 2);
        var (runs, gate) = (new Runs(), farm.NewGate());
        var busy = Enumerable.Range(0, Places).Select(i => CallAsync(farm, i, runs, gate)).ToList();
        await farm.SettleAsync();
        var waiting = CallAsync(farm, 9, runs, gate);
        await farm.SettleAsync();
        Assert.False(waiting.IsCompleted);

        var elsewhere = farm.Node(1).GetOrCreateAsync("k9", _ => new ValueTask<string>("made elsewhere"), Active).AsTask();

        Assert.Equal("made elsewhere", await farm.AnswerAsync(elsewhere));
        Assert.Equal("made elsewhere", await farm.AnswerAsync(waiting));
        gate.Open();
        await farm.AnswersAsync(busy);
        Assert.DoesNotContain("k9", runs.Begun);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Callers_beyond_the_queue_get_an_error_that_says_so_and_the_others_their_values()
    {
        await using var farm = Bounded(nodes: 1, queued: 2);
        var (runs, gate) = (new Runs(), farm.NewGate());
        var calls = Enumerable.Range(0, Places + 2).Select(i => CallAsync(farm, i, runs, gate)).ToList();
        await farm.SettleAsync();

        var error = await farm.FailureAsync<RegenOverloadException>(CallAsync(farm, 8, runs, gate));
        Assert.Equal("k8", error.Key);
        Assert.Contains(nameof(RegenCacheOptions.MaximumForegroundGenerations), error.Message, StringComparison.Ordinal);

        // A key that waits already, or is made, takes any number of callers.
        var joined = Enumerable.Range(0, Places + 2).Select(i => CallAsync(farm, i, runs, gate)).ToList();
        var refresh = farm.Node(0).RefreshAsync("k7", _ => new ValueTask<string>("never"), Active).AsTask();
        Assert.Equal("k7", (await farm.FailureAsync<RegenOverloadException>(refresh)).Key);

        gate.Open();
        Assert.Equal(Places + 2, (await farm.AnswersAsync(calls)).Length);
        Assert.Equal(Places + 2, (await farm.AnswersAsync(joined)).Length);
        Assert.Equal("value of k8", await farm.AnswerAsync(CallAsync(farm, 8, runs, gate)));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task Callers_who_leave_make_room_and_a_failure_gives_its_place_back()
    {
        await using var farm = Bounded(nodes: 1, queued: 1);
        var (runs, gate) = (new Runs(), farm.NewGate());
        runs.Fails = true;
        var failing = Enumerable.Range(0, Places).Select(i => CallAsync(farm, i, runs, gate)).ToList();
        using var leaving = new CancellationTokenSource();
        await farm.SettleAsync();
        var queued = farm.Node(0).GetOrCreateAsync("k5", _ => new ValueTask<string>("never"), Active, leaving.Token).AsTask();
        await farm.SettleAsync();
        await leaving.CancelAsync();
        await farm.FailureAsync<OperationCanceledException>(queued);

        var next = farm.Node(0).GetOrCreateAsync("k6", _ => new ValueTask<string>("value 6"), Active).AsTask();
        await farm.SettleAsync();
        Assert.False(next.IsCompleted);
        gate.Open();

        foreach (var call in failing)
            await farm.FailureAsync<FormatException>(call);
        Assert.Equal("value 6", await farm.AnswerAsync(next));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task What_is_in_memory_is_read_and_regenerated_while_all_places_are_taken()
    {
        await using var farm = Bounded(nodes: 1, queued: 0);
        var warm = new TestGenerator(farm);
        await farm.GetAsync(0, warm, Active);
        var (runs, gate) = (new Runs(), farm.NewGate());
        var busy = Enumerable.Range(0, Places).Select(i => CallAsync(farm, i, runs, gate)).ToList();

        await farm.AdvanceAsync(Active.RegenerationInterval!.Value * 2.5);

        Assert.Equal(3, warm.Runs);
        Assert.Equal("value 3", farm.Hit(0, warm, Active));
        gate.Open();
        await farm.AnswersAsync(busy);
    }

    private Farm Bounded(int nodes, int queued = 1000) => NewFarm(nodes, options =>
    {
        options.MaximumForegroundGenerations = Places;
        options.MaximumQueuedGenerations = queued;
    });

    private static Task<string> CallAsync(Farm farm, int number, Runs runs, Gate gate) => farm.Node(0).GetOrCreateAsync(
        $"k{number}", ct => runs.RunAsync($"k{number}", gate, ct), Active with { GenerationDeadline = TimeSpan.FromHours(1) }).AsTask();

    private sealed class Runs
    {
        private readonly Lock _gate = new();

        public List<string> Begun { get; } = [];

        public int Now { get; private set; }

        public int Most { get; private set; }

        public bool Fails { get; set; }

        public async ValueTask<string> RunAsync(string key, Gate gate, CancellationToken cancellationToken)
        {
            lock (_gate)
            {
                Begun.Add(key);
                Most = Math.Max(Most, ++Now);
            }

            await gate.PassAsync(cancellationToken);
            lock (_gate)
                Now--;
            return Fails ? throw new FormatException("no value") : $"value of {key}";
        }
    }
}
