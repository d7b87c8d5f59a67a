using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// A value lives its interval and tolerance from the moment it was stored, and is not answered later (promise 3: warm is what has not
/// ended). While the store is in doubt a commit may be tried for one lease before the value's life in memory begins.
/// </summary>
internal sealed class NeverTooOld : ICheck
{
    private static readonly long s_slack = LabClock.Ticks(TimeSpan.FromSeconds(1));

    public IEnumerable<Violation> Check(LabLog log)
    {
        var life = LabClock.TicksOfMilliseconds((double)log.Life.Interval + log.Life.Tolerance) + s_slack;
        var taken = (log.Accepted ?? []).Where(record => record.IsSet).ToLookup(record => (record.Key, record.Number), record => record.At)
            .ToDictionary(record => record.Key, record => record.Max());
        var seen = new HashSet<(string, string, long)>();
        foreach (var answer in log.Answers)
        {
            if (answer.Value is not { } value || answer.Asked - value.Ended <= life)
                continue;

            // A set that a hanging store took late lives from then on, also where its caller was told that it had failed.
            if (value.IsSet && taken.TryGetValue((value.Key, value.Number), out var at) && answer.Asked - at <= life)
                continue;
            var committing = value.Ended + Checks.LeaseGrace;
            var allowed = log.StoreWasInDoubt(value.Begun, committing, Checks.HealGrace) ? life + Checks.LeaseGrace : life;
            allowed += log.Starvation.Within(value.Ended, answer.Asked, value.Node, answer.Node);
            if (answer.Asked - value.Ended <= allowed || log.WasPaused(answer.Node, answer.Asked, answer.Asked, Checks.PauseGrace))
                continue;
            if (seen.Add((answer.Node, answer.Key, value.Number)))
            {
                yield return new Violation(3, $"{answer.Node} answered number {value.Number} of {answer.Key} "
                    + $"{LabClock.Milliseconds(answer.Asked - value.Ended):0} ms after it was made; it may live {LabClock.Milliseconds(allowed):0} ms", answer.Key);
            }
        }
    }
}
