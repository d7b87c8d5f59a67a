using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>Tells what happened to a key, in the order of time, with the farm's faults: to find out why a promise was broken.</summary>
internal static class Story
{
    public static IEnumerable<string> Of(LabLog log, string key)
    {
        var start = log.Answers.Count > 0 ? log.Answers.Min(answer => answer.Asked) : 0;
        var lines = new List<(long At, string What)>();
        foreach (var run in log.Runs.Where(run => run.Key == key && !run.IsSet))
        {
            lines.Add((run.Begun, $"run {run.Number} begins on {run.Node}, token {run.Token}"));
            if (run.Ended is { } ended)
                lines.Add((ended, $"run {run.Number} {(run.IsCancelled ? "is cancelled" : "ends")}"));
        }

        foreach (var record in (log.Accepted ?? []).Where(record => record.Key == key))
        {
            lines.Add((record.At, $"the store accepts {(record.IsRemoved ? "a removal" : $"{(record.IsSet ? "set" : "run")} {record.Number}")}, token {record.Token}, "
                + FormattableString.Invariant($"due {(record.Due == 0 ? "never" : Time(log.ToLabTime(record.Due)))}, ends {Time(log.ToLabTime(record.Ends))}, life {record.Life}")
                + (record.StoreTime == 0 ? " (found there)" : "")));
        }

        foreach (var change in log.Changes.Where(change => change.Key == key))
        {
            lines.Add((change.Started, $"{change.Kind} {change.Number} begins on {change.Node}"));
            lines.Add((change.Returned, $"{change.Kind} {change.Number} on {change.Node}: {change.Error ?? (change.IsPending ? "pending" : change.IsDone ? $"done, token {change.Token}" : "superseded")}"));
        }

        foreach (var fault in log.Faults)
        {
            lines.Add((fault.From, $"*** {fault.Kind} {fault.Node}"));
            if (fault.To != long.MaxValue && fault.To != fault.From)
                lines.Add((fault.To, $"*** {fault.Kind} {fault.Node} is over"));
        }

        lines.AddRange(log.NewEpochs.Select(life => (life, "*** the store begins a new life")));
        foreach (var series in log.Answers.Where(answer => answer.Key == key).GroupBy(answer => (answer.Node, answer.Value?.Number, answer.IsHit)))
        {
            var first = series.MinBy(answer => answer.Asked)!;
            var last = series.Max(answer => answer.Asked);
            lines.Add((first.Completed, $"{first.Node} answers number {first.Value?.Number} {(first.IsHit ? "from memory" : "after a wait")}, last asked for at {Time(last)}{first.Error}"));
        }

        return lines.OrderBy(line => line.At).Select(line => $"  {Time(line.At)} {line.What}");

        string Time(long at) => FormattableString.Invariant($"{LabClock.Milliseconds(at - start),9:0.0}");
    }
}
