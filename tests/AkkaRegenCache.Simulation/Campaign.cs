using System.Diagnostics;

namespace AkkaRegenCache.Simulation;

/// <summary>Plays many seeds.</summary>
internal static class Campaign
{
    /// <summary>What came out.</summary>
    internal sealed class Result
    {
        public long Seeds { get; set; }

        public long Steps { get; set; }

        public TimeSpan Elapsed { get; set; }

        public List<string> Violations { get; } = [];

        public SortedDictionary<string, long> Marks { get; } = new(StringComparer.Ordinal);

        public double StepsPerSecond => Steps / Math.Max(Elapsed.TotalSeconds, 1e-9);
    }

    /// <summary>Plays seeds in turn until one of the bounds is met.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="seeds">How many.</param>
    /// <param name="mutant">A bug to plant, in worlds drawn for it; null: none.</param>
    /// <param name="time">The longest it may take.</param>
    /// <param name="violations">After how many violations to stop.</param>
    /// <param name="story">Gets a line for each message; null: none.</param>
    /// <param name="worldsOf">The mutant in whose worlds it is played, where none is planted; null: any world.</param>
    public static Result Run(
        int first, long seeds, Mutant? mutant, TimeSpan time, int violations, TextWriter? story = null, Mutant? worldsOf = null)
    {
        var result = new Result();
        var clock = Stopwatch.StartNew();
        for (long i = 0; i < seeds && clock.Elapsed < time && result.Violations.Count < violations; i++)
        {
            var world = new World(unchecked((int)(first + i)), mutant, (mutant ?? worldsOf)?.Worlds);
            if (story is not null)
                world.Narrator = new Narrator(world, story);
            world.Run();
            result.Seeds++;
            result.Steps += world.Steps;
            if (world.Violation is { } violation)
                result.Violations.Add(violation);
            foreach (var (mark, count) in world.Oracle.Marks)
                result.Marks[mark] = result.Marks.GetValueOrDefault(mark) + count;
        }

        result.Elapsed = clock.Elapsed;
        return result;
    }
}
