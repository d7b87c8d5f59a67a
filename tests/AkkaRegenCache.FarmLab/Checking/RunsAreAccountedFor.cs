using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// Every run of a generator ended in an accepted value, or something happened that explains why not (promise 2): the crash, pause or leaving of a
/// node (each explains one run per key), a store in doubt (then each node may generate for itself), a change of the key while it ran.
/// </summary>
internal sealed class RunsAreAccountedFor : ICheck
{
    private static readonly long s_committing = LabClock.Ticks(TimeSpan.FromSeconds(1));

    public IEnumerable<Violation> Check(LabLog log)
    {
        if (log.Accepted is null || log.Runs.Count == 0)
            yield break;
        var accepted = log.Accepted.Select(record => (record.Key, record.Number)).ToHashSet();
        var changes = log.Changes.ToLookup(change => change.Key);
        var last = log.Runs.Max(run => run.Ended ?? run.Begun);
        foreach (var key in log.Runs.Where(run => !run.IsSet).GroupBy(run => run.Key))
        {
            var crashes = log.Faults.Where(fault => fault.Kind is FaultKind.Kill or FaultKind.Pause or FaultKind.Leave).ToList();
            foreach (var run in key.OrderBy(run => run.Begun))
            {
                // What is still under way, or just being stored, will be. A commit follows the run's end: what happens then may have hit it.
                var ended = run.Ended ?? long.MaxValue;
                if (accepted.Contains((run.Key, run.Number)) || ended > last - s_committing
                    || (run.Ended is not null && ended > last - s_committing - log.Starvation.Within(ended, last, run.Node))
                    || log.StoreWasInDoubt(run.Begun, ended + s_committing, Checks.LeaseGrace, run.Node)
                    || changes[run.Key].Any(change => change.Started <= ended + s_committing && change.Returned >= run.Begun - s_committing))
                {
                    continue;
                }

                if (crashes.FindIndex(fault => fault.Touches(run.Begun, ended + s_committing, Checks.LeaseGrace)) is >= 0 and var at)
                    crashes.RemoveAt(at);
                else
                    yield return new Violation(2, $"the generator of {run.Key} ran on {run.Node} as number {run.Number} and its result was not accepted, though nothing had happened", run.Key);
            }
        }
    }
}
