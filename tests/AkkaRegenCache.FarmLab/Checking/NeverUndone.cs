using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// A set or removal that returned is never undone by a value that was begun before it, unless the store forgot it (promise 5). On the
/// node where it was asked for that holds from its return on; the others hear of it within a bound, and after an outage within another.
/// A removal that waits for the store always wins there, so the same holds of it, unless its node died with it.
/// </summary>
internal sealed class NeverUndone : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var answers = log.Answers.Where(answer => answer.Value is not null).ToLookup(answer => answer.Key);
        var sets = log.Changes.Where(change => change.Number > 0).ToDictionary(change => (change.Key, change.Number));
        foreach (var change in log.Changes.Where(change => IsBinding(log, change)))
        {
            // One for each node and value is enough to be told.
            var found = answers[change.Key]
                .Where(answer => IsUndone(log, change, answer) && IsOlder(answer.Value!, change, sets))
                .GroupBy(answer => (answer.Node, answer.Value!.Number));
            foreach (var same in found)
            {
                var answer = same.MaxBy(answer => answer.Asked)!;
                yield return new Violation(5, $"{answer.Node} answered number {answer.Value!.Number} of {answer.Key} "
                    + $"({(answer.IsHit ? "from memory" : "after a wait")}) {LabClock.Milliseconds(answer.Asked - change.Returned):0.0} ms after "
                    + $"a {change.Kind} on {change.Node} had returned that it was begun before", answer.Key);
            }
        }
    }

    private static bool IsBinding(LabLog log, SeenChange change) => change switch
    {
        { IsDone: true, Kind: "set" or "remove" } => true,
        { IsPending: true, Kind: "remove" } => !log.Faults.Any(
            fault => fault.Kind is FaultKind.Kill or FaultKind.Leave && fault.Node == change.Node && fault.From >= change.Started),
        _ => false,
    };

    private static bool IsUndone(LabLog log, SeenChange change, SeenAnswer answer)
    {
        if (answer.Asked <= change.Returned || log.Faults.Any(
            fault => fault.Kind == FaultKind.StoreLost && fault.Touches(change.Started, answer.Completed, Checks.HealGrace)))
            return false;
        if (answer.Node == change.Node)
            return true;
        var late = answer.Asked - change.Returned - Checks.ChangeGrace;
        return late > 0
            && !log.StoreWasInDoubt(answer.Asked, answer.Asked, Checks.HealGrace, answer.Node, change.Node)
            && !log.WasPaused(answer.Node, answer.Asked, answer.Asked, Checks.PauseGrace)
            && late > log.Starvation.Within(change.Returned, answer.Asked, answer.Node, change.Node);
    }

    private static bool IsOlder(LabValue value, SeenChange change, Dictionary<(string, long), SeenChange> sets)
    {
        if (value.Number == change.Number)
            return false;
        if (!value.IsSet)
            return value.Begun < change.Started;

        // Of two sets, the one that returned before the other began; those that overlap may come out either way, and one without a result at any time.
        return sets.TryGetValue((value.Key, value.Number), out var set) && set.IsDone && set.Returned < change.Started;
    }
}
