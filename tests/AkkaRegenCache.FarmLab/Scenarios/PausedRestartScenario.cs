using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// A node is stopped, Redis is restarted with its data meanwhile, the node goes on: with connections that it believes in and that nobody holds at
/// the other end any more. It must hear of changes again within two seconds.
/// </summary>
internal sealed class PausedRestartScenario : IScenario
{
    public string Name => "paused-restart";

    public string Summary => "Redis is restarted while a node is stopped; the node goes on with connections that are gone";

    public FarmNeeds Needs { get; } = new(IsPersistent: true, BreaksRedis: true);

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 3000, 50);
        var keys = lab.Keys("paused", 20);
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        var healed = new List<long>();
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(100)))
        {
            for (var round = 0; round < (lab.Options.Rounds ?? 1); round++)
            {
                await Wait.ForAsync(TimeSpan.FromMilliseconds(interval * 1.5), lab.Cancellation);
                var node = lab.Farm.Nodes[round % lab.Farm.Nodes.Count];
                lab.Say($"{node.Name} is stopped, Redis restarted");
                var pause = Breaking.PauseNodeAsync(lab, node, TimeSpan.FromSeconds(1.5));
                await Breaking.RestartRedisAsync(lab, withData: true, TimeSpan.Zero);
                await pause;
                healed.Add(LabClock.Now);
                await Outages.WatchHealingAsync(lab, life);
            }

            await Outages.TellSubscribersAsync(lab);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        Outages.Judge(lab, log, healed);
        lab.Report.IdealRuns = Outages.IdealRuns(log, keys, life);
    }
}
