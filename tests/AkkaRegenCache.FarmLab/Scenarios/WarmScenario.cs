using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// Readers poll on all nodes through 20 intervals, or nobody reads at all: nobody waits, nothing is missing, and of each key and interval there is one run
/// in the farm.
/// </summary>
internal sealed class WarmScenario : IScenario
{
    private readonly bool _isRead;

    private WarmScenario(bool isRead) => _isRead = isRead;

    public static WarmScenario Polled { get; } = new(isRead: true);

    public static WarmScenario Unread { get; } = new(isRead: false);

    public string Name => _isRead ? "warm" : "unread";

    public string Summary => _isRead
        ? "readers poll warm keys on all nodes through 20 intervals"
        : "nobody reads warm keys for 20 intervals, which are regenerated all the same";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(1000);
        var life = new EntryLife(interval, 60_000, Math.Max(2000, 2 * interval), 50);
        var keys = lab.Keys("warm", 20);
        var intervals = lab.Options.Seconds is { } seconds ? Math.Max(2, (int)(seconds * 1000.0 / interval)) : 20;
        await lab.WarmUpAsync(10);
        await lab.ReadEverywhereAsync(keys, 1, life);
        var warm = LabClock.Now;
        var before = lab.Mode.UsesRedis ? await RedisUse.CountAsync(lab.Farm, lab.Cancellation) : [];
        if (_isRead)
        {
            await using var load = ReadLoad.Start(lab, keys, life, TimeSpan.FromMilliseconds(50));
            await Wait.ForAsync(TimeSpan.FromMilliseconds((intervals + 0.5) * interval), lab.Cancellation);
            await load.StopAsync(TimeSpan.FromSeconds(20));
        }
        else
        {
            // The first value is due an interval after it was made, and may be regenerated a jitter later.
            await Wait.ForAsync(TimeSpan.FromMilliseconds((intervals + 1.5) * interval), lab.Cancellation);
        }

        if (lab.Mode.UsesRedis)
        {
            var after = await RedisUse.CountAsync(lab.Farm, lab.Cancellation);
            var commands = after.Where(pair => RedisUse.IsFromOutside(pair.Key)).Sum(pair => pair.Value - before.GetValueOrDefault(pair.Key));
            lab.Report.RedisCommandsPerSecond = Math.Round(commands / LabClock.Since(warm).TotalSeconds, 1);
        }

        if (!_isRead)
            await lab.ReadEverywhereAsync(keys, 1, life);
        var log = lab.Log(life, keys.Contains);
        var end = LabClock.Now;
        var polled = log.Answers.Where(answer => answer.Asked > warm).ToList();
        lab.Report.WaitedReads = polled.Count(answer => !answer.IsHit);
        lab.Judge(log);
        if (lab.Report.WaitedReads > 0)
            lab.Break(3, $"{lab.Report.WaitedReads} of {polled.Count} reads of warm keys waited");
        lab.Report.IdealRuns = 0;
        foreach (var key in keys)
            lab.Report.IdealRuns += lab.Mode.UsesRedis ? CheckGrid(lab, log, key, life, end) : CheckSteps(lab, log, key, life, end);
        var perKey = keys.Select(key => log.Runs.Count(run => run.Key == key)).ToList();
        lab.Report.Details["fewestRunsOfAKey"] = perKey.Min();
        lab.Report.Details["mostRunsOfAKey"] = perKey.Max();
    }

    /// <summary>
    /// Without a Redis nobody can look up when a key is due: between two runs' tokens there must be an interval, more or less the jitter and what a node
    /// takes to notice. The first value's interval counts from when it was stored, and not from when it was claimed.
    /// </summary>
    /// <returns>About how many runs there should have been.</returns>
    private static long CheckSteps(Lab lab, LabLog log, string key, EntryLife life, long end)
    {
        var runs = log.Runs.Where(run => run.Key == key).OrderBy(run => run.Token).ToList();
        for (var i = 1; i < runs.Count; i++)
        {
            var between = i == 1 ? LabClock.Milliseconds(runs[1].Begun - (runs[0].Ended ?? runs[0].Begun)) : (runs[i].Token - runs[i - 1].Token) / 1000.0;
            var step = between / life.Interval;
            if (step is < 0.5 or > 1.5)
                lab.Break(2, FormattableString.Invariant($"between two runs of {key} there were {step:0.00} intervals"));
        }

        return runs.Count == 0 ? 0 : 1 + (long)(LabClock.Milliseconds(end - (runs[0].Ended ?? end)) / life.Interval);
    }

    /// <summary>
    /// The first record says when the key is next due; from there on the due times lie on a grid. A run's token is the store's clock when its claim
    /// was granted, so it says which interval the run belongs to. The last interval may not be over and doesn't count.
    /// </summary>
    /// <returns>How many runs there should have been, the last interval's included where it was begun.</returns>
    private static long CheckGrid(Lab lab, LabLog log, string key, EntryLife life, long end)
    {
        var records = log.Accepted!.Where(record => record.Key == key).ToList();
        if (records.Count == 0)
        {
            lab.Break(2, $"nothing was accepted for {key}");
            return 0;
        }

        var due = records[0].Due;
        var micros = life.Interval * 1000L;
        var perInterval = log.Runs.Where(run => run.Key == key && run.Token > records[0].Token)
            .GroupBy(run => Math.DivRem(run.Token - due, micros).Quotient).ToDictionary(group => group.Key, group => group.Count());

        // An interval is over when the next one's due time has passed.
        var over = (long)(LabClock.Milliseconds(end - log.ToLabTime(due)) / life.Interval);
        for (var i = 0L; i < over; i++)
        {
            var runs = perInterval.GetValueOrDefault(i);
            if (runs != 1)
                lab.Break(2, $"{runs} runs of {key} in interval {i + 1}");
        }

        return 1 + over + perInterval.GetValueOrDefault(over);
    }
}
