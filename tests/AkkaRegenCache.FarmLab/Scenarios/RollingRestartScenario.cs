using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// All nodes are restarted one after another by SIGTERM under load, as a deployment does it. Leaving gracefully is no fault: no error, no second run
/// in an interval, no read of a warm key that waits. A newcomer reads the store once per key and runs no generator for it.
/// </summary>
internal sealed class RollingRestartScenario : IScenario
{
    public string Name => "rolling-restart";

    public string Summary => "all nodes are restarted one after another by SIGTERM, drained by a load balancer";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 4000, 100);
        var keys = lab.Keys("roll", 40);
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        var warm = LabClock.Now;
        var first = lab.Farm.Nodes.Select(node => node.Name).ToHashSet();
        await using (new Balancer(lab.Farm))
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(100), isBalanced: true))
        {
            foreach (var node in lab.Farm.Nodes)
            {
                await Wait.ForAsync(TimeSpan.FromMilliseconds(interval), lab.Cancellation);
                await Breaking.RestartNodeAsync(lab, node);
                lab.Say($"{node.Name} has left, its successor is ready");
            }

            await Wait.ForAsync(TimeSpan.FromMilliseconds(interval * 1.5), lab.Cancellation);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }

        var log = lab.Log(life, keys.Contains);
        var waited = log.Answers.Where(answer => answer.Asked > warm && !answer.IsHit).ToList();

        // A newcomer waits for the store where it asks for a key first; its other readers of that moment wait with it.
        lab.Report.WaitedReads = waited.Count(answer => first.Contains(answer.Node));
        lab.Report.Details["readsOfTheStoreByNewcomers"] = waited.Count(answer => !first.Contains(answer.Node));
        lab.Report.Details["longestWaitOfNewcomersMs"] =
            Math.Round(waited.Count > 0 ? waited.Max(answer => LabClock.Milliseconds(answer.Completed - answer.Asked)) : 0, 1);

        // The checks are told of no fault: every run must have been accepted, and every accepted one been due, also those of newcomers.
        lab.Judge(log);
        lab.Report.IdealRuns = Outages.IdealRuns(log, keys, life);
    }
}
