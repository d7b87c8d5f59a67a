using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// Of each key and interval one generated value is accepted, with faults too (promise 2). A record says when its key is next due; a claim's token
/// says when it was given out, by the same clock. So the next generated value must have been claimed when the record before it was due, or had
/// ended, or somebody asked for a refresh.
/// </summary>
/// <remarks>
/// One more is counted apart, as a repair (<see cref="IsRepair"/>): a node that could not reach the store made a value for itself, and when it
/// can, it makes another one under a claim at once, so that the farm agrees soon. That is how the design has it, though by the letter of promise 2
/// it is a second result in the interval.
/// </remarks>
internal sealed class OneAcceptedPerInterval : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var refreshes = log.Changes.Where(change => change.Kind == "refresh").ToLookup(change => change.Key);
        foreach (var series in (log.Accepted ?? []).GroupBy(record => (record.Key, record.Life)))
        {
            AcceptedRecord? before = null;
            foreach (var record in series)
            {
                if (IsEarly(before, record) && !IsRepair(log, record)
                    && !refreshes[record.Key].Any(refresh => IsWithin(log.ToLabTime(record.Token), refresh)))
                {
                    yield return new Violation(2, $"two results in one interval of {record.Key}: number {record.Number} was claimed "
                        + $"{(before!.Due - record.Token) / 1000.0:0.0} ms before number {before.Number} was due to be replaced", record.Key);
                }

                before = record;
            }
        }
    }

    /// <summary>Results that were accepted early because a node replaced a value that it had made for itself.</summary>
    public static int CountRepairs(LabLog log)
    {
        var count = 0;
        foreach (var series in (log.Accepted ?? []).GroupBy(record => (record.Key, record.Life)))
        {
            AcceptedRecord? before = null;
            foreach (var record in series)
            {
                if (IsEarly(before, record) && IsRepair(log, record))
                    count++;
                before = record;
            }
        }

        return count;
    }

    private static bool IsEarly(AcceptedRecord? before, AcceptedRecord record) =>
        before is { IsRemoved: false } && !record.IsRemoved && !record.IsSet && before.Token < record.Token
        && !(before.Due != 0 && record.Token >= before.Due) && record.Token < before.Ends;

    /// <summary>Whether the node had made a value without the store shortly before, while something was wrong.</summary>
    private static bool IsRepair(LabLog log, AcceptedRecord record)
    {
        var claimed = log.ToLabTime(record.Token);
        var node = log.Runs.FirstOrDefault(run => run.Key == record.Key && run.Number == record.Number)?.Node;
        var life = LabClock.TicksOfMilliseconds((double)log.Life.Interval + log.Life.Tolerance) + Checks.LeaseGrace;
        return log.Runs.Any(run => run.Key == record.Key && run.Node == node && run.Number < record.Number && !run.IsSet
            && run.Begun >= claimed - life
            && !log.Accepted!.Any(accepted => accepted.Key == run.Key && accepted.Number == run.Number)
            && log.Faults.Any(fault => fault.Touches(run.Begun, run.Ended ?? long.MaxValue, Checks.LeaseGrace)));
    }

    // Two clocks are compared, and the answer of a refresh may have been lost: a second either way.
    private static bool IsWithin(long time, SeenChange refresh) =>
        time >= refresh.Started - Checks.ChangeGrace && time <= refresh.Returned + Checks.ChangeGrace;
}
