using AkkaRegenCache.FarmLab.Watching;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>An answer is a value of the key asked for, whole, and one that the origin has given out (promise 1).</summary>
internal sealed class ValuesAreWhole : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var known = log.Runs.Select(run => (run.Key, run.Number)).ToHashSet();
        foreach (var answer in log.Answers)
        {
            if (answer.Error is not null)
                continue;
            if (answer.Value is not { } value)
                yield return new Violation(1, $"{answer.Node} answered nothing for {answer.Key}");
            else if (value.Key != answer.Key)
                yield return new Violation(1, $"{answer.Node} answered a value of {value.Key} for {answer.Key}");
            else if (!value.IsWhole)
                yield return new Violation(1, $"{answer.Node} answered a damaged value for {answer.Key}: {value}");
            else if (!known.Contains((value.Key, value.Number)))
                yield return new Violation(1, $"{answer.Node} answered number {value.Number} of {answer.Key}, which the origin never gave out");
        }
    }
}
