using AkkaRegenCache.FarmLab.Checking;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>
/// What was accepted, by readings, where the cluster itself is the store and nobody can listen to it: a value that one node made and another shows was
/// accepted, since what isn't stored is never sent. So too few are counted (one that no other node read in time), never too many.
/// </summary>
/// <remarks>It tells by what happens, not by what the nodes say of it. When a value was due, and in which order the store took two, it can't tell.</remarks>
internal static class Shown
{
    /// <summary>In the order of the tokens of each key. Without due times: the checks that need those are silent.</summary>
    public static IReadOnlyList<AcceptedRecord> Of(LabLog log)
    {
        var tokens = new TokensOfSets(log);
        var setBy = log.Runs.Where(run => run.IsSet).ToDictionary(run => (run.Key, run.Number), run => run.Node);
        var records = new List<AcceptedRecord>();
        foreach (var same in log.Answers.Where(answer => answer.Value is not null).GroupBy(answer => (answer.Key, answer.Value!.Number)))
        {
            var value = same.First().Value!;
            var maker = value.IsSet ? setBy.GetValueOrDefault((value.Key, value.Number)) : value.Node;
            var elsewhere = same.Where(answer => answer.Node != maker).ToList();
            if (elsewhere.Count > 0)
                records.Add(Record(value.Key, tokens.Of(value), value.Number, value.IsSet, elsewhere.Min(answer => answer.Completed), isRemoved: false));
        }

        records.AddRange(log.Changes.Where(change => change is { Kind: "remove", IsDone: true }).Select(
            change => Record(change.Key, change.Token, 0, false, change.Returned, isRemoved: true)));
        return [.. records.OrderBy(record => record.Key, StringComparer.Ordinal).ThenBy(record => record.Token).ThenBy(record => record.At)];
    }

    private static AcceptedRecord Record(string key, long token, long number, bool isSet, long at, bool isRemoved) =>
        new(key, token, isRemoved, number, isSet, 0, 0, at, 0, 0);
}
