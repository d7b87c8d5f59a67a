using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using AkkaRegenCache.Memory;
using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// What a hit costs: <see cref="MemoryLayer.Find"/>, <see cref="MemoryEntry.OnHit"/> and a type test, against
/// <c>ConcurrentDictionary.TryGetValue</c> and <c>MemoryCache.TryGetValue</c> with the same 1,000 string keys. The candidates
/// take turns in short rounds and the fastest round of each counts, because other load on the machine only ever makes a round slower.
/// </summary>
internal static class LayerHits
{
    private const int KeyCount = 1_000;

    public static int Run(string[] args)
    {
        int at = Array.IndexOf(args, "--seconds");
        double seconds = at >= 0 && at + 1 < args.Length ? double.Parse(args[at + 1], CultureInfo.InvariantCulture) : 6;
        var (stored, asked) = Rounds.Keys(KeyCount);

        var layer = new MemoryLayer(new MemoryLayerOptions { MaxEntries = 10_000 });
        var dictionary = new ConcurrentDictionary<string, object>();
        using var memoryCache = new MemoryCache(new MemoryCacheOptions());
        foreach (string key in stored)
        {
            layer.Set(key, new Product(key), null, null, 0, 0, out _);
            dictionary[key] = new Product(key);
            memoryCache.Set(key, new Product(key));
        }

        (string Name, Func<string[], int> Round)[] candidates =
        [
            ("layer", keys => OfLayer(layer, keys)),
            ("dictionary", keys => Rounds.OfDictionary(dictionary, keys)),
            ("memorycache", keys => Rounds.OfMemoryCache(memoryCache, keys)),
        ];
        var json = new List<string>();
        foreach (int threads in new[] { 1, 2 })
        {
            double[] best = Rounds.Measure(candidates, asked, threads, seconds / 2);
            for (int i = 0; i < best.Length; i++)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads} thread(s) {candidates[i].Name,-12} {best[i],7:F2} ns/hit   {best[i] / best[1],5:F2} x dictionary"));
                json.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $$"""
                    {"threads":{{threads}},"candidate":"{{candidates[i].Name}}","ns":{{best[i]:F2}},"ratio":{{best[i] / best[1]:F3}}}
                    """));
            }
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{BytesPerEntry(100_000):F0} bytes per key in a full layer of 100,000, without the key's string and the value"));
        if (args.Contains("--json"))
            Console.WriteLine($"[{string.Join(',', json)}]");
        return 0;
    }

    private static double BytesPerEntry(int entries)
    {
        string[] keys = [.. Enumerable.Range(0, entries * 2).Select(i => $"product:{i}")];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var layer = new MemoryLayer(new MemoryLayerOptions { MaxEntries = entries });
        foreach (string key in keys)
            layer.Set(key, key, null, null, 0, 0, out _);
        double bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(keys);
        GC.KeepAlive(layer);
        return bytes / entries;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int OfLayer(MemoryLayer layer, string[] keys)
    {
        int found = 0;
        foreach (string key in keys)
        {
            MemoryEntry? entry = layer.Find(key);
            if (entry is null)
                continue;
            entry.OnHit(layer.Epoch);
            if (entry.Value is Product)
                found++;
        }

        return found;
    }
}
