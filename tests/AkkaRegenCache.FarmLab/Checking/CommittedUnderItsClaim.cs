namespace AkkaRegenCache.FarmLab;

/// <summary>A generated value is accepted only under the very claim that it was generated under, and only once (promise 1).</summary>
internal sealed class CommittedUnderItsClaim : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var runs = log.Runs.ToDictionary(run => (run.Key, run.Number));
        var accepted = new HashSet<(string, long)>();
        foreach (var record in log.Accepted ?? [])
        {
            if (record.IsRemoved)
                continue;
            if (record.Number == 0)
            {
                yield return new Violation(1, $"the store accepted something for {record.Key} that nobody made (token {record.Token})");
                continue;
            }

            if (!accepted.Add((record.Key, record.Number)))
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key} twice (token {record.Token})");
            if (record.IsSet)
                continue;
            if (!runs.TryGetValue((record.Key, record.Number), out var run))
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key}, which the origin doesn't know");
            else if (run.Token != record.Token)
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key} under token {record.Token}; it was made under {run.Token}");
        }
    }
}
