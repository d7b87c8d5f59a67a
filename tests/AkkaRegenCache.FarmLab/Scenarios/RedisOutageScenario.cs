using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// Redis is down (refusing, or hanging) under load while intervals run on and changes are tried. Nobody who reads gets an error, and within two
/// seconds of the healing all nodes show the newest value or change there is, those included that fell into the outage's beginning.
/// </summary>
internal sealed class RedisOutageScenario : IScenario
{
    private readonly bool _hangs;

    private RedisOutageScenario(bool hangs) => _hangs = hangs;

    public static IScenario Refusing { get; } = new RedisOutageScenario(hangs: false);

    public static IScenario Hanging { get; } = new RedisOutageScenario(hangs: true);

    public string Name => _hangs ? "redis-hang" : "redis-outage";

    public string Summary => _hangs
        ? "Redis takes requests and answers none for 30 s, under load and changes"
        : "Redis is down for 30 s, under load and changes";

    public FarmNeeds Needs { get; } = new(IsPersistent: true, BreaksRedis: true);

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(2000);
        var life = new EntryLife(interval, 120_000, 3000, 50);
        var read = lab.Keys("read", 30);
        string[] changed = [.. Enumerable.Range(1, 10).Select(i => $"changed{i}")];
        string[] keys = [.. read, .. changed];
        await lab.WarmUpAsync(5);
        await lab.ReadEverywhereAsync(keys, 1, life);
        long healed;
        await using (var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(100)))
        {
            await Wait.ForAsync(TimeSpan.FromMilliseconds(interval * 1.5), lab.Cancellation);

            // Changes begin just before: what was accepted and whose notification the outage swallowed must be heard of all the same.
            await using (ChangeLoad.Start(lab, changed, life, TimeSpan.FromMilliseconds(40), clients: 4))
            {
                await Wait.ForAsync(TimeSpan.FromMilliseconds(500), lab.Cancellation);
                var time = lab.Seconds(30);
                lab.Say($"Redis is {(_hangs ? "stopped" : "killed")} for {time.TotalSeconds:0} s");
                healed = _hangs ? await Breaking.HangRedisAsync(lab, time) : await Breaking.RestartRedisAsync(lab, withData: true, time);
            }

            lab.Say("Redis answers again");
            await Outages.WatchHealingAsync(lab, life);
            await Outages.TellSubscribersAsync(lab);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        Outages.Judge(lab, log, [healed]);
        lab.Report.IdealRuns = Outages.IdealRuns(log, keys, life);
        lab.Report.Details["changes"] = log.Changes.Count;
        lab.Report.Details["changesPending"] = log.Changes.Count(change => change.IsPending);
        lab.Report.Details["changesRefused"] = log.Changes.Count(change => change.Error is not null);
        var inOutage = log.Answers.Where(answer => log.StoreWasInDoubt(answer.Asked, answer.Completed, 0) && read.Contains(answer.Key)).ToList();
        lab.Report.Details["waitedReadsInOutage"] = inOutage.Count(answer => !answer.IsHit);
        lab.Report.Details["longestWaitInOutageMs"] =
            Math.Round(inOutage.Count > 0 ? inOutage.Max(answer => LabClock.Milliseconds(answer.Completed - answer.Asked)) : 0, 1);
    }
}
