using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>
/// When which process was starved: so much longer than its bound may a thing have taken that such a process had to do, and never longer.
/// </summary>
internal sealed class Starvation
{
    /// <summary>The process that plays the scenario.</summary>
    public const string Lab = "lab";

    private readonly Dictionary<string, Stall[]> _stalls;

    private Starvation(Dictionary<string, Stall[]> stalls) => _stalls = stalls;

    public static Starvation None { get; } = new([]);

    /// <summary>
    /// Of the stalls that were told, and without the times in which the lab had stopped a process itself: those are pauses.
    /// </summary>
    public static Starvation Of(IEnumerable<(string Process, Stall Stall)> stalls, IReadOnlyList<Fault> faults) =>
        new(stalls.GroupBy(told => told.Process).ToDictionary(told => told.Key, told => Merge(told.SelectMany(each => Awake(
            each.Stall, faults.Where(fault => fault.Kind == FaultKind.Pause && fault.Node == told.Key))))));

    /// <summary>How long at least one of these processes was starved within a span, in ticks of the lab's clock.</summary>
    public long Within(long from, long to, params IEnumerable<string?> processes) => Merge(processes.OfType<string>().Distinct()
        .SelectMany(process => _stalls.GetValueOrDefault(process) ?? [])
        .Select(stall => new Stall(Math.Max(stall.From, from), Math.Min(stall.To, to))).Where(stall => stall.From < stall.To))
        .Sum(stall => stall.To - stall.From);

    /// <summary>How long at least one process was starved.</summary>
    public long Total => Within(long.MinValue, long.MaxValue, _stalls.Keys);

    /// <summary>The longest stall of all, and whose.</summary>
    public (string Process, Stall Stall)? Longest => _stalls
        .SelectMany(told => told.Value.Select(stall => ((string, Stall)?)(told.Key, stall)))
        .MaxBy(told => told!.Value.Item2.To - told.Value.Item2.From);

    private static IEnumerable<Stall> Awake(Stall stall, IEnumerable<Fault> pauses)
    {
        var from = stall.From;
        foreach (var pause in pauses.Where(pause => pause.From < stall.To && pause.To > stall.From).OrderBy(pause => pause.From))
        {
            if (from < pause.From)
                yield return new Stall(from, pause.From);
            from = Math.Max(from, pause.To);
        }

        if (from < stall.To)
            yield return new Stall(from, stall.To);
    }

    private static Stall[] Merge(IEnumerable<Stall> stalls)
    {
        var merged = new List<Stall>();
        foreach (var stall in stalls.OrderBy(stall => stall.From))
        {
            if (merged.Count > 0 && stall.From <= merged[^1].To)
                merged[^1] = merged[^1] with { To = Math.Max(merged[^1].To, stall.To) };
            else
                merged.Add(stall);
        }

        return [.. merged];
    }
}
