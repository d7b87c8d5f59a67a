using System.Collections.Concurrent;
using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// The node that hosts coordinators is killed while the others read cold keys of its shards, one fresh key after another. Nobody may wait for the cluster
/// to find out: what is measured is how much longer than its generator each read took, from the kill until the shards are back.
/// </summary>
/// <remarks>
/// The second node to be killed is the oldest one, which also gives shards their homes. In a cluster without Redis the keys' records die with the shards: until
/// those are back each node may make a value for itself, and this is no second accepted result.
/// </remarks>
internal sealed class KillCoordinatorScenario : IScenario
{
    private const double GoalMs = 500;
    private const int Callers = 2;
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_calm = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    public string Name => "kill-coordinator";

    public string Summary => "kill -9 of a node that hosts coordinators, while the others read cold keys of theirs";

    public FarmNeeds Needs { get; } = new(NeedsCoordinators: true);

    public async Task RunAsync(Lab lab)
    {
        var life = new EntryLife(1_200_000, 600_000, 30_000, 50);
        await lab.WarmUpAsync(Callers);
        var rounds = lab.Options.Rounds ?? 2;
        var (extra, before, backs) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 1; round <= rounds; round++)
        {
            var (calm, moving, back) = await RoundAsync(lab, round, life, isOldest: round % 2 == 0, isLast: round == rounds);
            before.AddRange(calm);
            extra.AddRange(moving);
            backs.Add(back);
        }

        var log = lab.Log(life, key => key.StartsWith("coordinated", StringComparison.Ordinal));
        lab.Judge(log);
        var report = lab.Report;
        report.IdealRuns = log.Runs.Select(run => run.Key).Distinct().Count();
        report.WaitAfterRunMsP50 = Percentile.Of(extra, 0.5);
        report.WaitAfterRunMsP99 = Percentile.Of(extra, 0.99);
        report.Details["waitMsMax"] = Percentile.Of(extra, 1) ?? 0;
        report.Details["readsWhileShardsMoved"] = extra.Count;
        report.Details["beforeTheKillMsP50"] = Percentile.Of(before, 0.5) ?? 0;
        report.Details["beforeTheKillMsP99"] = Percentile.Of(before, 0.99) ?? 0;
        report.Details["shardsBackMs"] = Math.Round(backs.Max(), 0);
        var second = 0;
        foreach (var record in log.AcceptedOrShown.GroupBy(record => record.Key).Where(record => record.Count() > 1))
        {
            second += record.Count() - 1;
            lab.Break(2, $"{record.Count()} accepted results of {record.Key}");
        }

        report.Details["secondAccepted"] = second;
        report.Details["keysMadeMoreThanOnce"] = log.Runs.GroupBy(run => run.Key).Count(key => key.Count() > 1);
        lab.Goal("wait beyond the generator's time while shards move, p99 ms", report.WaitAfterRunMsP99, GoalMs);
    }

    /// <returns>What reads before the kill, and after it, took beyond their run; and after how many milliseconds the shards were back.</returns>
    private static async Task<(List<double> Before, List<double> After, double BackMs)> RoundAsync(
        Lab lab, int round, EntryLife life, bool isOldest, bool isLast)
    {
        var candidates = Enumerable.Range(1, 20_000).Select(i => $"coordinated{round}.{i}").ToArray();
        var homes = await ShardHomes.AskAsync(lab.Farm.Nodes, candidates, lab.Cancellation);
        var victim = isOldest && homes.Oldest is { } oldest && homes.IsHome(oldest)
            ? oldest
            : lab.Farm.Nodes.Where(node => node != homes.Oldest).MaxBy(homes.ShardsOn)!;
        var keys = new ConcurrentQueue<string>(candidates.Where((_, i) => homes.HomeOfKey(i) == victim));
        var others = lab.Farm.Nodes.Where(node => node != victim).ToList();
        var answers = new ConcurrentBag<Answer>();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(lab.Cancellation);
        var reading = ReadOnAsync();
        await Wait.ForAsync(s_calm, lab.Cancellation);

        var killed = LabClock.Now;
        var healed = Breaking.BeginDeath(lab, victim);
        await victim.KillAsync();
        var back = 0L;
        await Wait.UntilAsync(
            async () =>
            {
                back = LabClock.Now;
                return (await ShardHomes.AskAsync(others, [], lab.Cancellation)).AreComplete;
            },
            s_patience, "all shards live on the nodes that are left", lab.Cancellation);
        var took = LabClock.Milliseconds(back - killed);
        await Wait.ForAsync(s_calm, lab.Cancellation);
        await ending.CancelAsync();
        await reading;
        lab.Say($"{victim.Name}{(victim == homes.Oldest ? ", the oldest," : "")} killed with {homes.ShardsOn(victim)} shards; they were back after {took:0} ms");

        if (!isLast)
        {
            await lab.Farm.StartNodeAsync(victim.Slot, lab.Cancellation);
            if (await ShardHomes.SettleAsync(lab.Farm, lab.Cancellation) is { } unsettled)
                lab.Say(unsettled);
        }

        healed();
        return (
            [.. answers.Where(answer => answer.Value is not null && answer.Completed < killed).Select(Extra)],
            [.. answers.Where(answer => answer.Value is not null && answer.Completed >= killed && answer.Asked <= back).Select(Extra)],
            took);

        static double Extra(Answer answer) => LabClock.Milliseconds(answer.Completed - answer.Asked - (answer.Value!.Ended - answer.Value.Begun));

        async Task ReadOnAsync()
        {
            using var timer = new PeriodicTimer(s_period);
            var underWay = new List<Task>();
            try
            {
                while (await timer.WaitForNextTickAsync(ending.Token) && keys.TryDequeue(out var key))
                {
                    var order = new ReadOrder([key], Callers, life, LabClock.After(TimeSpan.FromMilliseconds(20)));
                    underWay.AddRange(others.Select(node => ReadAsync(node, order)));
                }
            }
            catch (OperationCanceledException) when (!lab.Cancellation.IsCancellationRequested)
            {
                // Enough.
            }

            await Task.WhenAll(underWay);
        }

        async Task ReadAsync(FarmNode node, ReadOrder order)
        {
            var reply = await node.ReadAsync(order, lab.Cancellation);
            lab.Journal.Add(reply);
            foreach (var answer in reply.Answers)
                answers.Add(answer);
        }
    }
}
