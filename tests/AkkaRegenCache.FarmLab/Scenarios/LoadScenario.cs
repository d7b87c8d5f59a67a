using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// Measures what Redis has to do for many active keys: 10,000 with an interval of 10 s, on five nodes. The generators make their value in the
/// node, since a thousand HTTP calls a second would measure the origin. The floor is a claim and a commit for each regeneration of the farm.
/// </summary>
internal sealed class LoadScenario : IScenario
{
    private const int KeysPerRequest = 250;

    public string Name => "load";

    public string Summary => "measures the commands Redis gets for 10,000 active keys with an interval of 10 s";

    public FarmNeeds Needs { get; } = new(IsWatched: false);

    public async Task RunAsync(Lab lab)
    {
        var interval = lab.Interval(10_000);
        var life = new EntryLife(interval, 10 * interval, interval, 0);
        var keys = lab.Keys("load", 10_000);
        var regenerations = keys.Length * 1000.0 / interval;

        // Spread over an interval, so that the due times are: each node reads each key once.
        var batches = keys.Chunk(KeysPerRequest).ToList();
        var start = LabClock.Now;
        for (var i = 0; i < batches.Count; i++)
        {
            await Wait.UntilTimeAsync(start + LabClock.TicksOfMilliseconds((double)interval * i / batches.Count), lab.Cancellation);
            var replies = await Task.WhenAll(lab.Farm.Nodes.Select(
                node => node.ReadAsync(new ReadOrder(batches[i], 1, life, IsLocal: true), lab.Cancellation)));
            if (replies.SelectMany(reply => reply.Answers).FirstOrDefault(answer => answer.Error is not null) is { Error: var error })
                lab.Break(4, $"a read failed: {error}");
        }

        lab.Say($"{keys.Length} keys on {lab.Farm.Nodes.Count} nodes after {LabClock.Since(start).TotalSeconds:0.0} s");

        // One interval to settle, then the window.
        await Wait.ForAsync(TimeSpan.FromMilliseconds(interval), lab.Cancellation);
        var cpu = CpuOf(lab);
        var before = lab.Mode.UsesRedis ? await RedisUse.CountAsync(lab.Farm, lab.Cancellation) : [];
        var from = LabClock.Now;
        await Wait.ForAsync(lab.Seconds(20), lab.Cancellation);
        var after = lab.Mode.UsesRedis ? await RedisUse.CountAsync(lab.Farm, lab.Cancellation) : [];
        var seconds = LabClock.Since(from).TotalSeconds;
        var perSecond = after.ToDictionary(pair => pair.Key, pair => (pair.Value - before.GetValueOrDefault(pair.Key)) / seconds);
        var report = lab.Report;
        report.Details["cpuCoresOfNodes"] = Math.Round((CpuOf(lab) - cpu).TotalSeconds / seconds, 2);
        report.Details["keys"] = keys.Length;
        report.Details["intervalMs"] = interval;
        if (!lab.Mode.UsesRedis)
        {
            lab.Say("There is no Redis whose commands could be counted.");
            return;
        }

        // Scripts publish too, and Redis counts both alike: a look at one whole interval tells which came over the wire.
        var sample = TimeSpan.FromMilliseconds(interval);
        var scripts = await RedisUse.SampleScriptsAsync(lab.Farm, sample, lab.Cancellation);
        var published = perSecond.GetValueOrDefault("publish");
        perSecond["publish"] = scripts.GetValueOrDefault("publish") / sample.TotalSeconds;
        perSecond["publish in scripts"] = Math.Max(0, published - perSecond["publish"]);

        foreach (var (command, rate) in perSecond.Where(pair => pair.Value >= 0.05).OrderByDescending(pair => pair.Value))
            report.Details[(RedisUse.IsFromOutside(command) ? "wire:" : "inScripts:") + command] = Math.Round(rate, 1);
        report.RedisCommandsPerSecond = Math.Round(perSecond.Where(pair => RedisUse.IsFromOutside(pair.Key)).Sum(pair => pair.Value), 1);
        report.Details["inScriptsPerSecond"] = Math.Round(perSecond.Where(pair => !RedisUse.IsFromOutside(pair.Key)).Sum(pair => pair.Value), 1);
        report.Details["floorPerSecond"] = 2 * regenerations;

        foreach (var (script, count) in scripts)
            report.Details["byScript:" + script] = Math.Round(count / sample.TotalSeconds, 1);
        var commits = report.Details.TryGetValue("byScript:commit", out var rateOfCommits) ? (double)rateOfCommits : 0;
        report.Details["commitsPerRegenerationDue"] = Math.Round(commits / regenerations, 3);
        if (commits < 0.5 * regenerations)
            lab.Say("The farm doesn't keep up with the schedule here: the figures are of a machine that is too small for them.");
    }

    private static TimeSpan CpuOf(Lab lab)
    {
        var sum = TimeSpan.Zero;
        foreach (var node in lab.Farm.Nodes)
        {
            using var process = System.Diagnostics.Process.GetProcessById(node.ProcessId);
            sum += process.TotalProcessorTime;
        }

        return sum;
    }
}
