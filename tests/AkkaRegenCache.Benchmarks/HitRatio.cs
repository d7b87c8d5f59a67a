using System.Globalization;
using System.Text.Json;
using AkkaRegenCache.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// Replays traces through the real <see cref="MemoryLayer"/>: find, and on a miss set; nothing expires. Beside it plain LRU, from
/// the same run. With <c>--json</c> the last line of the output is the result as JSON.
/// </summary>
internal static class HitRatio
{
    public static int Run(string[] args)
    {
        bool json = args.Contains("--json");
        bool synthetic = args.Contains("--synthetic");
        int at = Array.IndexOf(args, "--traces");
        string? directory = at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
        if (directory is null ? !synthetic : !Directory.Exists(directory))
        {
            Console.Error.WriteLine(
                directory is null ? "hitratio needs --traces DIR or --synthetic." : $"There is no directory '{directory}'.");
            return 2;
        }

        IEnumerable<Trace> traces = directory is null
            ? []
            : Directory.EnumerateFiles(directory, "*.bin.gz").Order(StringComparer.Ordinal).Select(Trace.Read);
        if (synthetic)
            traces = traces.Concat(SyntheticTraces.All());

        var results = new List<object>();
        Console.WriteLine("Hit ratio in %; small: the small queue's share at the end");
        Console.WriteLine($"{"trace",-16} {"capacity",9} {"LRU",7} {"layer",7} {"small",7}");
        foreach (Trace trace in traces)
        {
            foreach (int capacity in trace.Capacities)
            {
                (double ratio, double share) = Replay(trace, capacity);
                double lru = ReferenceLru.HitRatio(trace, capacity);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{trace.Name,-16} {capacity,9} {lru,7:F2} {ratio,7:F2} {share * 100,6:F0}%"));
                results.Add(new { trace = trace.Name, capacity, hitRatio = Rounded(ratio), lru = Rounded(lru) });
            }
        }

        if (json)
            Console.WriteLine(JsonSerializer.Serialize(results));
        return 0;
    }

    private static double Rounded(double ratio) => Math.Round(ratio, 2, MidpointRounding.AwayFromZero);

    private static (double Ratio, double SmallShare) Replay(Trace trace, int capacity)
    {
        var layer = new MemoryLayer(new MemoryLayerOptions { MaxEntries = capacity });
        object value = new();
        long hits = 0;
        foreach (int request in trace.Requests)
        {
            string key = trace.Keys[request];
            if (layer.TryGet(key, out MemoryEntry? entry))
            {
                entry.OnHit(layer.Epoch);
                hits++;
            }
            else
            {
                layer.Set(key, value, payload: null, generator: null, token: 0, size: 0, out _);
            }
        }

        return (100.0 * hits / trace.Requests.Length, layer.Policy!.SmallShare);
    }
}
