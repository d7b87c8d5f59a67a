namespace AkkaRegenCache.FarmLab;

/// <summary>
/// Of each key and interval one generated value is accepted, with faults too (promise 2). A record says when its key is next due; a claim's token
/// says when it was given out, by the same clock. So the next generated value must have been claimed when the record before it was due, or had
/// ended, or somebody asked for a refresh.
/// </summary>
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
                if (before is { IsRemoved: false } && !record.IsRemoved && !record.IsSet
                    && before.Token < record.Token
                    && !(before.Due != 0 && record.Token >= before.Due)
                    && record.Token < before.Ends
                    && !refreshes[record.Key].Any(refresh => IsWithin(log.ToLabTime(record.Token), refresh)))
                {
                    yield return new Violation(2, $"two results in one interval of {record.Key}: number {record.Number} was claimed "
                        + $"{(before.Due - record.Token) / 1000.0:0.0} ms before number {before.Number} was due to be replaced", record.Key);
                }

                before = record;
            }
        }
    }

    // Two clocks are compared, and the answer of a refresh may have been lost: a second either way.
    private static bool IsWithin(long time, SeenChange refresh) =>
        time >= refresh.Started - Checks.ChangeGrace && time <= refresh.Returned + Checks.ChangeGrace;
}
