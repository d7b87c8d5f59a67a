using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>A generated value is accepted only under the very claim that it was generated under, and only once (promise 1).</summary>
/// <remarks>
/// A set that got no answer is repeated, and the store knows the repeat by its operation. A store that has lost its data knows neither the
/// operation nor the record, and takes the set once more. Only where that has happened between the two may a set be accepted twice.
/// </remarks>
internal sealed class CommittedUnderItsClaim : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var runs = log.Runs.ToDictionary(run => (run.Key, run.Number));
        var accepted = new Dictionary<(string, long), AcceptedRecord>();
        foreach (var record in log.Accepted ?? [])
        {
            if (record.IsRemoved)
                continue;
            if (record.Number == 0)
            {
                yield return new Violation(1, $"the store accepted something for {record.Key} that nobody made (token {record.Token})");
                continue;
            }

            if (accepted.TryGetValue((record.Key, record.Number), out var before) && !(record.IsSet && HasLost(log, before, record)))
            {
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key} twice "
                    + $"(token {before.Token}, and {LabClock.Milliseconds(record.At - before.At):0.0} ms later token {record.Token})",
                    record.Key);
            }

            accepted[(record.Key, record.Number)] = record;
            if (record.IsSet)
                continue;
            if (!runs.TryGetValue((record.Key, record.Number), out var run))
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key}, which the origin doesn't know");
            else if (run.Token != record.Token)
                yield return new Violation(1, $"the store accepted number {record.Number} of {record.Key} under token {record.Token}; it was made under {run.Token}");
        }
    }

    /// <summary>Whether the store lost what it knew after it had accepted the first and before it accepted the second.</summary>
    private static bool HasLost(LabLog log, AcceptedRecord first, AcceptedRecord second) =>
        log.Faults.Any(fault => fault.Kind == FaultKind.StoreLost && fault.Touches(first.At, second.At, 0));
}
