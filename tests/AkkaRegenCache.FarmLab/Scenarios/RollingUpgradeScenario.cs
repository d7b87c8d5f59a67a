using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// All nodes are replaced one after another, under load, by a later release that writes more with each value: a field that this one may pass over, and for some
/// keys one that a reader must understand. No read fails, no value is wrong, and when all are replaced every key is a hit everywhere. What the older nodes can't
/// read they make for themselves: that costs runs, which are counted, and only for those keys.
/// </summary>
internal sealed class RollingUpgradeScenario : IScenario
{
    public string Name => "rolling-upgrade";

    public string Summary => "all nodes are replaced one after another by a later release, which writes more with each value";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 4000, 100);
        var plain = lab.Keys("plain", 20);
        var demanding = lab.Keys(NextRelease.Demanding, 5);
        string[] keys = [.. plain, .. demanding];
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        await using (new Balancer(lab.Farm))
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(100), isBalanced: true))
        {
            lab.Farm.Upgrade();
            foreach (var node in lab.Farm.Nodes)
            {
                await Wait.ForAsync(TimeSpan.FromMilliseconds(interval), lab.Cancellation);
                await Breaking.RestartNodeAsync(lab, node);
                lab.Say($"{node.Name} has left, a later release is in its place");
            }

            // A demanding key's last value may be an old node's; the next one is everybody's.
            await Wait.ForAsync(TimeSpan.FromMilliseconds(interval * 1.5), lab.Cancellation);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }

        var replies = await lab.ReadEverywhereAsync(keys, 1, life, isJudged: false);
        var missing = replies.SelectMany(reply => reply.Answers).Count(answer => !answer.IsHit);
        lab.Report.Details["missesAfterTheUpgrade"] = missing;
        if (missing > 0)
            lab.Break(3, $"{missing} reads of warm keys waited when all nodes had been replaced");

        var demands = lab.Log(life, demanding.Contains);
        lab.Report.Details["runsOfDemandingKeys"] = demands.Runs.Count(run => !run.IsSet);
        lab.Report.Details["idealRunsOfDemandingKeys"] = Outages.IdealRuns(demands, demanding, life);
        lab.JudgeAnswers(demands);

        // The checks are told of no fault: what may be passed over costs nothing.
        var log = lab.Log(life, plain.Contains);
        lab.Judge(log);
        lab.Report.WaitedReads = log.Answers.Count(answer => !answer.IsHit);
        lab.Report.IdealRuns = Outages.IdealRuns(log, plain, life);
    }
}
