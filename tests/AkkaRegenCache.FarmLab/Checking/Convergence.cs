using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// When do all nodes show the newest that there is (promise 6)? An answer is up to date if its value is what the store accepted last, or
/// was so until a moment before it was asked for. Values that no store knows (made during an outage, of no committed run) are not.
/// </summary>
internal static class Convergence
{
    /// <summary>So long a notification may take on a busy machine, and is not called stale for.</summary>
    private static readonly long s_news = LabClock.Ticks(TimeSpan.FromMilliseconds(250));

    /// <summary>Answers asked for from a time on that were not up to date.</summary>
    public static IEnumerable<SeenAnswer> Stale(LabLog log, long from)
    {
        var records = log.AcceptedOrShown.ToLookup(record => record.Key);
        var makers = MakersOf(log);
        foreach (var answer in log.Answers)
        {
            if (answer.Asked < from)
                continue;
            if (answer.Value is not { } value || !IsUpToDate(log, value, answer, records[answer.Key], makers))
                yield return answer;
        }
    }

    /// <summary>
    /// How long after a fault had healed the last node became up to date and remained so for the time given.
    /// </summary>
    /// <returns>Milliseconds; null: not within what was seen.</returns>
    public static double? StaleAfter(LabLog log, long healed, TimeSpan quiet)
    {
        var stale = Stale(log, healed).Select(answer => answer.Asked).Order().ToList();
        var end = log.Answers.Count > 0 ? log.Answers.Max(answer => answer.Asked) : healed;
        var since = healed;
        foreach (var time in stale)
        {
            if (time - since >= LabClock.Ticks(quiet))
                break;
            since = time;
        }

        return end - since >= LabClock.Ticks(quiet) ? LabClock.Milliseconds(since - healed) : null;
    }

    /// <summary>
    /// How long the nodes that were stale for longer than a time, or made what they should have shown, were starved since the healing.
    /// </summary>
    public static double StarvedMs(LabLog log, long healed, double mostMs, double staleMs)
    {
        var records = log.AcceptedOrShown.ToLookup(record => record.Key);
        var makers = MakersOf(log);
        var end = healed + LabClock.TicksOfMilliseconds(staleMs);
        var concerned = Stale(log, healed + LabClock.TicksOfMilliseconds(mostMs)).Where(answer => answer.Asked <= end)
            .SelectMany(answer => (string?[])[answer.Node, MakerOf(records[answer.Key].LastOrDefault(record => record.At <= answer.Asked))]);
        return LabClock.Milliseconds(log.Starvation.Within(healed, end, concerned));

        string? MakerOf(AcceptedRecord? newest) => newest is null ? null : makers.GetValueOrDefault((newest.Key, newest.Number));
    }

    private static Dictionary<(string, long), string> MakersOf(LabLog log) =>
        log.Runs.ToDictionary(run => (run.Key, run.Number), run => run.Node);

    private static bool IsUpToDate(
        LabLog log, LabValue value, SeenAnswer answer, IEnumerable<AcceptedRecord> records, Dictionary<(string, long), string> makers)
    {
        var isAccepted = false;
        foreach (var record in records)
        {
            if (record.Number == value.Number && !record.IsRemoved)
                isAccepted = true;
            else if (isAccepted)
                return record.At >= answer.Asked - s_news || record.At >= answer.Asked - s_news
                    - log.Starvation.Within(record.At, answer.Asked, answer.Node, makers.GetValueOrDefault((record.Key, record.Number)));
        }

        // Just being committed: those who waited for it have it a moment earlier than the store.
        return isAccepted;
    }
}
