using System.Globalization;
using System.Text.Json;
using AkkaRegenCache.Simulation;

var asked = new CommandLine(args);
if (asked.Refusal is { } refusal)
{
    Console.Error.WriteLine(refusal);
    Console.Error.WriteLine("--help tells what there is.");
    return 2;
}

if (asked.Help is { } help)
{
    Console.WriteLine(help);
    return 0;
}

if (asked.ListsMutants)
{
    foreach (var each in Mutants.All)
        Console.WriteLine(each.Name);
    return 0;
}

var story = asked.TellsStory ? Console.Out : null;
var result = Campaign.Run(asked.First, asked.Seeds, asked.Mutant, asked.Time, violations: 10, story, asked.WorldsOf);
foreach (var violation in result.Violations)
    Console.WriteLine(violation);
if (asked.TellsMarks)
{
    foreach (var (mark, count) in result.Marks)
        Console.WriteLine($"{count,12} {mark}");
}

Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{result.Seeds} seeds from {asked.First}, {result.Steps} steps in {result.Elapsed.TotalSeconds:F1} s ({result.StepsPerSecond:F0} a second), {result.Violations.Count} violations"));
if (asked.IsJson)
{
    Console.WriteLine(JsonSerializer.Serialize(new
    {
        seeds = result.Seeds,
        steps = result.Steps,
        stepsPerSecond = Math.Round(result.StepsPerSecond),
        violations = result.Violations.Count,
        mutant = asked.Mutant?.Name,
    }));
}

// A planted bug is to be found, and only then all is well.
return result.Violations.Count == 0 == asked.Mutant is null ? 0 : 1;
