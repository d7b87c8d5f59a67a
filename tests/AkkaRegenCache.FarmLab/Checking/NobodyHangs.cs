using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// Every caller gets an answer by its deadline (promise 4). Here no caller has a deadline of its own: a lease, two tries of the store that
/// time out and the generator's own time twice (a first one was lost) must do.
/// </summary>
internal sealed class NobodyHangs : ICheck
{
    private static readonly TimeSpan s_overhead = TimeSpan.FromSeconds(8);

    public IEnumerable<Violation> Check(LabLog log)
    {
        var longest = LabClock.Ticks(s_overhead) + LabClock.TicksOfMilliseconds(2.0 * log.Life.Generator);
        foreach (var answer in log.Answers)
        {
            var waited = answer.Completed - answer.Asked;
            if (waited > longest && !log.WasPaused(answer.Node, answer.Asked, answer.Completed, Checks.PauseGrace)
                && waited > longest + log.Starvation.Within(answer.Asked, answer.Completed, answer.Node, answer.Value?.Node))
            {
                yield return new Violation(4, $"a caller of {answer.Key} on {answer.Node} waited {LabClock.Milliseconds(waited):0} ms; "
                    + $"{LabClock.Milliseconds(longest):0} ms is what a lease and two runs may take");
            }
        }
    }
}
