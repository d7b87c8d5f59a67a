using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// Faults at random from a seed, one after another and sometimes two at once, under reads and changes; then a healing. What must hold under any
/// faults is checked throughout, and at the end that all nodes agree. The seed decides what is done and when; the machine's timing it can't repeat.
/// </summary>
internal sealed class ChurnScenario : IScenario
{
    private const int LeastNodes = 2;
    private const int ConcernsNodes = 60;

    public string Name => "churn";

    public string Summary => "random faults of nodes and Redis, under reads and changes";

    public FarmNeeds Needs { get; } = new(IsPersistent: true, BreaksRedis: true, DoesWithoutRedis: true);

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 3000, 80);
        string[] read = lab.Keys("read", 20);
        string[] changed = [.. Enumerable.Range(1, 10).Select(i => $"changed{i}")];
        string[] keys = [.. read, .. changed];
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        var healed = 0L;
        await using (new Balancer(lab.Farm))
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(150), isBalanced: true))
        {
            await using (ChangeLoad.Start(lab, changed, life, TimeSpan.FromMilliseconds(150)))
            {
                var end = LabClock.After(lab.Seconds(60));
                var restarting = new List<Task>();
                while (LabClock.Now < end)
                {
                    await Wait.ForAsync(TimeSpan.FromMilliseconds(lab.Random.Next(300, 2000)), lab.Cancellation);
                    restarting.RemoveAll(task => task.IsCompletedSuccessfully);
                    Supervise(lab, restarting);
                    await FaultAsync(lab, restarting);
                }

                await Task.WhenAll(restarting);
                Supervise(lab, restarting);
                await Task.WhenAll(restarting);
            }

            healed = LabClock.Now;
            lab.Say("All faults are over");
            await Outages.WatchHealingAsync(lab, life);
            await Outages.TellSubscribersAsync(lab);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        Outages.Judge(lab, log, [healed]);
        lab.Report.IdealRuns = Outages.IdealRuns(log, keys, life);
        foreach (var kind in log.Faults.GroupBy(fault => fault.Kind))
            lab.Report.Details["faults" + kind.Key] = kind.Count();
        lab.Report.Details["changes"] = log.Changes.Count;
        lab.Report.Details["changesPending"] = log.Changes.Count(change => change.IsPending);
        lab.Report.Details["changesRefused"] = log.Changes.Count(change => change.Error is not null);
    }

    private static async Task RestartAsync(Lab lab, FarmNode node, Action healed)
    {
        await Breaking.RestartNodeAsync(lab, node);
        healed();
    }

    private static async Task StartAgainAsync(Lab lab, FarmNode node, Action healed)
    {
        await lab.Farm.StartNodeAsync(node.Slot, lab.Cancellation);
        healed();
    }

    /// <summary>A node that its cluster has downed ends, or goes on alone: whoever runs a farm starts it again.</summary>
    private static void Supervise(Lab lab, List<Task> restarting)
    {
        foreach (var node in lab.Farm.Nodes.Where(node => node.HasEndedByItself).ToList())
        {
            lab.Say($"{node.Name} has ended by itself, and is started again");
            Count(lab, "nodesThatEndedThemselves");
            restarting.Add(StartAgainAsync(lab, node, Breaking.BeginDeath(lab, node)));
        }

        foreach (var node in lab.Farm.Nodes.Where(node => node.LivesOnAlone).ToList())
        {
            lab.Say($"{node.Name} is out of its cluster, and is restarted");
            Count(lab, "nodesThatWereOut");
            node.IsLeaving = true;
            var healed = Breaking.BeginDeath(lab, node, node.OutSince);
            restarting.Add(RestartAsync(lab, node, healed));
        }
    }

    private static void Count(Lab lab, string what) =>
        lab.Report.Details[what] = 1 + (lab.Report.Details.TryGetValue(what, out var counted) ? (int)counted : 0);

    /// <summary>Does something. What concerns a node goes on beside the next fault; Redis is broken in one way at a time.</summary>
    private static async Task FaultAsync(Lab lab, List<Task> underWay)
    {
        var random = lab.Random;
        var (what, which, length) = (random.Next(lab.Mode.UsesRedis ? 100 : ConcernsNodes), random.NextDouble(), random.NextDouble());
        var nodes = lab.Farm.Nodes.Where(node => node.IsInService).ToList();

        // A cluster goes on where the majority is: more than one node at a time would take it away from a farm of three or four.
        var least = lab.Mode.HasCoordinators ? Math.Max(LeastNodes, (lab.Options.Nodes / 2) + 1) : LeastNodes;
        var node = nodes.Count > least ? nodes[(int)(which * nodes.Count)] : null;
        if (node is null && !lab.Mode.UsesRedis)
            return;
        switch (what)
        {
            case < 25 when node is not null:
                lab.Say($"kill {node.Name}");
                var healed = await Breaking.KillNodeAsync(lab, node);
                underWay.Add(StartAgainAsync(lab, node, healed));
                break;
            case < 50 when node is not null:
                var pause = TimeSpan.FromSeconds(0.3 + (4.5 * length));
                lab.Say($"pause {node.Name} for {pause.TotalSeconds:0.0} s");
                underWay.Add(Breaking.PauseNodeAsync(lab, node, pause));
                break;
            case < 60 when node is not null:
                lab.Say($"restart {node.Name}");
                node.IsLeaving = true;
                lab.Journal.Begin(FaultKind.Leave, node.Name)();
                underWay.Add(Breaking.RestartNodeAsync(lab, node));
                break;
            case < 72:
                lab.Say("restart Redis with its data");
                await Breaking.RestartRedisAsync(lab, withData: true, TimeSpan.FromSeconds(1.5 * length));
                break;
            case < 80:
                lab.Say("restart Redis without its data");
                await Breaking.RestartRedisAsync(lab, withData: false, TimeSpan.FromSeconds(1.5 * length));
                break;
            case < 92:
                lab.Say("stop Redis");
                await Breaking.HangRedisAsync(lab, TimeSpan.FromSeconds(0.3 + 2.5 * length));
                break;
            default:
                lab.Say("flush Redis");
                await Breaking.FlushAsync(lab);
                break;
        }
    }
}
