using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>Redis is killed and started again under load: once with its data, once without. Nobody who reads gets an error, and soon all nodes agree.</summary>
internal sealed class RedisRestartScenario : IScenario
{
    public string Name => "redis-restart";

    public string Summary => "Redis is killed and started again under load, once with its data and once without";

    public FarmNeeds Needs { get; } = new(IsPersistent: true, BreaksRedis: true);

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 3000, 50);
        var keys = lab.Keys("restart", 40);
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        var healed = new List<long>();
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(100)))
        {
            foreach (var withData in (bool[])[true, false])
            {
                await Wait.ForAsync(TimeSpan.FromMilliseconds(interval * 1.5), lab.Cancellation);
                lab.Say($"Redis is killed, and comes back {(withData ? "with" : "without")} its data");
                healed.Add(await Breaking.RestartRedisAsync(lab, withData, TimeSpan.Zero));
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
