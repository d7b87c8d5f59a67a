using System.Globalization;
using AkkaRegenCache.FarmLab.Checking;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>What the scenarios that break Redis have in common.</summary>
internal static class Outages
{
    private const double MostStaleMs = 2000;
    private const int StoryLines = 120;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1.5);

    /// <summary>Lets the load run on long enough after a healing to see whether the nodes agree, and go on to.</summary>
    public static Task WatchHealingAsync(Lab lab, EntryLife life) =>
        Wait.ForAsync(TimeSpan.FromMilliseconds(life.Interval + life.Tolerance) + 2 * s_quiet, lab.Cancellation);

    /// <summary>How long nodes were stale after each healing; more than two seconds break promise 6.</summary>
    public static void Judge(Lab lab, LabLog log, IReadOnlyList<long> healed)
    {
        for (var i = 0; i < healed.Count; i++)
        {
            var until = i + 1 < healed.Count
                ? log.Faults.Where(fault => fault.From > healed[i]).Select(fault => fault.From).DefaultIfEmpty(long.MaxValue).Min()
                : long.MaxValue;
            var part = log with { Answers = [.. log.Answers.Where(answer => answer.Completed < until)] };
            var stale = Convergence.StaleAfter(part, healed[i], s_quiet);
            lab.Say(FormattableString.Invariant($"healing {i + 1}: all nodes up to date after {stale:0} ms"));
            var isLate = stale is null
                || (stale > MostStaleMs && stale > MostStaleMs + Convergence.StarvedMs(part, healed[i], MostStaleMs, stale.Value));
            if (isLate)
            {
                lab.Break(6, stale is null
                    ? "the nodes didn't come to agree after the healing"
                    : FormattableString.Invariant($"a node was stale for {stale:0} ms after the healing"));
                Tell(lab, part, healed[i]);
            }

            // No end is the worst: the report has no number for it.
            lab.Report.StaleAfterHealMs = i > 0 && lab.Report.StaleAfterHealMs is null ? null
                : stale is null ? null : Math.Round(Math.Max(lab.Report.StaleAfterHealMs ?? 0, stale.Value), 1);
        }
    }

    /// <summary>How many connections hear notifications now: each node should have one.</summary>
    public static async Task TellSubscribersAsync(Lab lab)
    {
        // In a cluster news take its own way.
        if (lab.Mode.HasCoordinators)
            return;
        using var redis = await MiniRedis.ConnectAsync(lab.Farm.RedisHost, lab.Farm.RedisPort, lab.Cancellation);
        var subscribers = (await redis.CallTextAsync(lab.Cancellation, "PUBSUB", "NUMSUB", "arc:notify:0:" + NodeModes.Cache))!;
        lab.Report.Details["subscribersAtEnd"] = int.Parse(subscribers, CultureInfo.InvariantCulture);
        lab.Say($"{subscribers} of {lab.Farm.Nodes.Count} nodes are subscribed to the notifications");
    }

    public static long IdealRuns(LabLog log, string[] keys, EntryLife life)
    {
        var first = log.Answers.Min(answer => answer.Asked);
        var last = log.Answers.Max(answer => answer.Asked);
        return keys.Length * (1 + (long)(LabClock.Milliseconds(last - first) / life.Interval));
    }

    /// <summary>Which node showed what for too long: the last stale answers of each key.</summary>
    private static void Tell(Lab lab, LabLog log, long healed)
    {
        var late = Convergence.Stale(log, healed + LabClock.TicksOfMilliseconds(MostStaleMs))
            .GroupBy(answer => (answer.Node, answer.Key, answer.Value?.Number)).OrderByDescending(group => group.Count()).Take(10);
        var keys = new List<string>();
        foreach (var group in late)
        {
            keys.Add(group.Key.Key);
            var newest = log.AcceptedOrShown.LastOrDefault(record => record.Key == group.Key.Key);
            var first = group.Min(answer => answer.Asked);
            var last = group.Max(answer => answer.Asked);
            lab.Say(FormattableString.Invariant(
                $"  stale: {group.Key.Node} {group.Key.Key} number {group.Key.Number} from {LabClock.Milliseconds(first - healed):0} to {LabClock.Milliseconds(last - healed):0} ms, the store's last is {newest?.Number} (token {newest?.Token})"));
        }

        foreach (var line in keys.Take(1).SelectMany(key => Story.Of(log, key).TakeLast(StoryLines).Prepend($"--- {key}")))
            lab.Say(line);
    }
}
