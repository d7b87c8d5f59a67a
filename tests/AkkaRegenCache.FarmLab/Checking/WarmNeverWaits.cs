using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// A read of a warm key never waits (promise 3). Warm: this node has answered it from memory before, and nothing has happened since by which it
/// may have left memory: no removal, no outage or pause in which its life may have run out, no refresh that hides nothing but may be slow to store.
/// </summary>
internal sealed class WarmNeverWaits : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var changes = log.Changes.ToLookup(change => change.Key);
        foreach (var series in log.Answers.GroupBy(answer => (answer.Node, answer.Key)))
        {
            var first = series.Where(answer => answer.IsHit).Select(answer => (long?)answer.Completed).Min();
            if (first is null)
                continue;
            foreach (var answer in series)
            {
                if (answer.IsHit || answer.Asked <= first)
                    continue;
                var from = answer.Asked - LabClock.TicksOfMilliseconds((double)log.Life.Interval + log.Life.Tolerance) - Checks.LeaseGrace;
                if (log.StoreWasInDoubt(from, answer.Asked, Checks.HealGrace)
                    || log.WasPaused(series.Key.Node, answer.Asked, answer.Completed, Checks.PauseGrace)
                    || (log.Life.Tolerance < LabClock.Milliseconds(Checks.LeaseGrace) && log.Faults.Any(
                        fault => fault.Kind is FaultKind.Kill or FaultKind.Pause && fault.Touches(from, answer.Asked, Checks.LeaseGrace)))
                    || changes[answer.Key].Any(change => change.Started <= answer.Completed && change.Returned + Checks.LeaseGrace >= answer.Asked))
                {
                    continue;
                }

                yield return new Violation(3, $"a read of the warm {answer.Key} on {answer.Node} waited "
                    + $"{LabClock.Milliseconds(answer.Completed - answer.Asked):0.0} ms"
                    + (answer.Error is null ? $" for number {answer.Value?.Number}" : $" for {answer.Error}"), answer.Key);
            }
        }
    }
}
