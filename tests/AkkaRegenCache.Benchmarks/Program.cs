using AkkaRegenCache.Benchmarks;
using AkkaRegenCache.Benchmarks.Figures;

// A mode is one line here and a file of its own: a name, what it measures, and what runs it (its exit code).
var modes = new SortedDictionary<string, (string Measures, Func<string[], int> Run)>(StringComparer.Ordinal)
{
    ["blocked"] = ("synchronous callers on all threads of the pool: [--callers N] [--json]", Blocked.Run),
    ["coordinator"] = ("cycles, bytes per key and a million keys of coordinators: [--keys N] [--json]", Coordinators.Run),
    ["figures"] = ("nothing: writes the page of figures from recordings: [--in DIR] [--out FILE] [--readme FILE] [--check]", FigurePage.Run),
    ["hits"] = ("time and bytes of a warm GetOrCreateAsync against other dictionaries and caches: [--seconds N] [--json]", Hits.Run),
    ["hitratio"] = ("hit ratio of the memory layer: [--traces DIR] [--synthetic] [--json]", HitRatio.Run),
    ["misses"] = ("time and bytes of a miss, shared and alone: [--json]", Misses.Run),
    ["record"] = ("nothing: runs a command and keeps its last line of JSON: NAME [--dir DIR] -- COMMAND [arguments]", Record.Run),
    ["schedule"] = ("memory and time of a million scheduled keys: [--keys N] [--intervals N] [--json]", Schedule.Run),
    ["report"] = ("BenchmarkDotNet reports of warm reads: [options of BenchmarkDotNet]", Reports.Run),
    ["layerhits"] = ("time of a hit in the memory layer against other dictionaries and caches: [--seconds N] [--json]", LayerHits.Run),
};

if (args.Length == 0 || !modes.TryGetValue(args[0], out var mode))
{
    Console.Error.WriteLine(args.Length == 0 ? "Which mode?" : $"There is no mode '{args[0]}'.");
    Console.Error.WriteLine("Usage: dotnet run -c Release -- MODE [options]");
    foreach (var (name, (measures, _)) in modes)
        Console.Error.WriteLine($"  {name,-12} {measures}");
    return 2;
}

return mode.Run(args[1..]);
