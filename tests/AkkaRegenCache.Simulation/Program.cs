using System.Globalization;
using System.Text.Json;
using AkkaRegenCache.Simulation;

const string Usage = """
    Plays seeds of the simulated farm and checks the cache's promises.

      --seeds N        how many seeds (default 1000; with --minutes: as many as fit)
      --seed N         the first seed (default 1); with --seeds 1 it replays one
      --minutes M      stop after that many minutes
      --mutant NAME     mutant a bug, which must be found
      --list-mutants    the mutants' names, a line each
      --marks          which paths were taken, and how often
      --story          a line for each message: with --seeds 1
      --json           one line of JSON, last
    """;

long? seeds = null;
var first = 1;
double? minutes = null;
Mutant? mutant = null;
bool json = false, marks = false, story = false;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--seeds" when TryNumber(args, ++i, 1, long.MaxValue, out var n):
            seeds = n;
            break;
        case "--seed" when TryNumber(args, ++i, int.MinValue, int.MaxValue, out var n):
            first = (int)n;
            break;
        case "--minutes" when i + 1 < args.Length
            && double.TryParse(args[++i], NumberStyles.Float, CultureInfo.InvariantCulture, out var m) && m > 0:
            minutes = m;
            break;
        case "--mutant" when i + 1 < args.Length:
            mutant = Mutants.Find(args[++i]);
            if (mutant is null)
                return Refuse($"There is no mutant '{args[i]}'; --list-mutants lists them.");
            break;
        case "--list-mutants":
            foreach (var each in Mutants.All)
                Console.WriteLine(each.Name);
            return 0;
        case "--marks":
            marks = true;
            break;
        case "--story":
            story = true;
            break;
        case "--json":
            json = true;
            break;
        case "--help" or "-h":
            Console.WriteLine(Usage);
            return 0;
        default:
            return Refuse($"Not understood: '{string.Join(' ', args[Math.Min(i, args.Length - 1)..])}'.");
    }
}

var result = Campaign.Run(
    first,
    seeds ?? (minutes is null ? 1000 : long.MaxValue),
    mutant,
    minutes is { } limit ? TimeSpan.FromMinutes(limit) : TimeSpan.MaxValue,
    violations: 10,
    story ? Console.Out : null);
foreach (var violation in result.Violations)
    Console.WriteLine(violation);
if (marks)
{
    foreach (var (mark, count) in result.Marks)
        Console.WriteLine($"{count,12} {mark}");
}

Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{result.Seeds} seeds from {first}, {result.Steps} steps in {result.Elapsed.TotalSeconds:F1} s ({result.StepsPerSecond:F0} a second), {result.Violations.Count} violations"));
if (json)
{
    Console.WriteLine(JsonSerializer.Serialize(new
    {
        seeds = result.Seeds,
        steps = result.Steps,
        stepsPerSecond = Math.Round(result.StepsPerSecond),
        violations = result.Violations.Count,
        mutant = mutant?.Name,
    }));
}

// A planted bug is to be found, and only then all is well.
return result.Violations.Count == 0 == mutant is null ? 0 : 1;

static bool TryNumber(string[] args, int at, long least, long most, out long number)
{
    number = 0;
    return at < args.Length
        && long.TryParse(args[at], NumberStyles.Integer, CultureInfo.InvariantCulture, out number)
        && number >= least && number <= most;
}

static int Refuse(string why)
{
    Console.Error.WriteLine(why);
    Console.Error.WriteLine(Usage);
    return 2;
}
