using AkkaRegenCache.FarmLab.Watching;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>Per key, and within one life of the store, accepted tokens strictly increase (promise 1).</summary>
internal sealed class TokensIncrease : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var newest = new Dictionary<(string Key, int Life), AcceptedRecord>();
        foreach (var record in log.Accepted ?? [])
        {
            // Found when the witness came back, not heard: where it stands among those heard is not known.
            if (record.StoreTime == 0)
                continue;
            if (newest.TryGetValue((record.Key, record.Life), out var before) && before.Token >= record.Token)
                yield return new Violation(1, $"the store accepted token {record.Token} of {record.Key} after token {before.Token}");
            newest[(record.Key, record.Life)] = record;
        }
    }
}
