using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// What a warm <c>GetOrCreateAsync</c> costs, awaited in a loop through <see cref="IRegenCache"/>, against
/// <c>ConcurrentDictionary.TryGetValue</c> and <c>MemoryCache.TryGetValue</c> with the same 1,000 string keys. The candidates take turns in
/// short rounds and the fastest round of each counts, because other load on the machine only ever makes a round slower.
/// </summary>
internal static class Hits
{
    private const int KeyCount = 1_000;

    public static int Run(string[] args)
    {
        int at = Array.IndexOf(args, "--seconds");
        double seconds = at >= 0 && at + 1 < args.Length ? double.Parse(args[at + 1], CultureInfo.InvariantCulture) : 10;
        var (stored, asked) = Rounds.Keys(KeyCount);
        var cache = new RegenCache("hits");
        var dictionary = new ConcurrentDictionary<string, object>();
        using var memoryCache = new MemoryCache(new MemoryCacheOptions());
        foreach (string key in stored)
        {
            cache.GetOrCreateAsync(key, key, Make).AsTask().GetAwaiter().GetResult();
            dictionary[key] = new Product(key);
            memoryCache.Set(key, new Product(key));
        }

        // A cache of its own: its keys are known with these options and no others.
        var inlineCache = new RegenCache("inline");
        foreach (string key in stored)
            inlineCache.GetOrCreateAsync(key, key, Make, Inline()).AsTask().GetAwaiter().GetResult();
        IRegenCache inline = inlineCache;

        // And one whose keys are known with the short form's generator.
        using var shortCache = new RegenCache("short");
        foreach (string key in stored)
            shortCache.GetOrCreateAsync(key, s_makeOne).AsTask().GetAwaiter().GetResult();
        IRegenCache asked1 = cache;
        using var host = Cluster.HostedCache.Start();
        IRegenCache hosted = host.Cache;
        foreach (string key in stored)
            hosted.GetOrCreateAsync(key, key, Make).AsTask().GetAwaiter().GetResult();
        (string Name, Func<string[], int> Round)[] candidates =
        [
            ("state", keys => Complete(OfCacheAsync(asked1, keys))),
            ("dictionary", keys => Rounds.OfDictionary(dictionary, keys)),
            ("memorycache", keys => Rounds.OfMemoryCache(memoryCache, keys)),
            ("class", keys => Complete(OfClassAsync(cache, keys))),
            ("tryget", keys => Complete(OfTryGetAsync(asked1, keys))),
            ("inline", keys => Complete(OfInlineAsync(inline, keys))),
            ("cluster", keys => Complete(OfCacheAsync(hosted, keys))),
            ("extension", keys => Complete(OfExtensionAsync(shortCache, keys))),
        ];
        double[][] best = new double[3][];
        foreach (int threads in new[] { 1, 2 })
        {
            best[threads] = Rounds.Measure(candidates, asked, threads, seconds / 2);
            for (int i = 0; i < candidates.Length; i++)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads} thread(s) {candidates[i].Name,-12} {best[threads][i],7:F2} ns/hit   {best[threads][i] / best[threads][1],5:F2} x dictionary"));
            }
        }

        Complete(OfCacheAsync(asked1, asked));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            Complete(OfCacheAsync(asked1, asked));
        double bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / (100.0 * KeyCount);

        // One task a round of 1,000 hits is the loop's own.
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes:F3} bytes a hit, the loop's own included"));
        Complete(OfCacheAsync(hosted, asked));
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            Complete(OfCacheAsync(hosted, asked));
        double hostedBytes = (GC.GetAllocatedBytesForCurrentThread() - before) / (100.0 * KeyCount);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{hostedBytes:F3} bytes a hit of a cache hosted in a cluster"));
        cache.Dispose();
        inlineCache.Dispose();
        if (args.Contains("--json"))
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                hitNs = Math.Round(best[1][0], 2),
                dictionaryNs = Math.Round(best[1][1], 2),
                memoryCacheNs = Math.Round(best[1][2], 2),
                classHitNs = Math.Round(best[1][3], 2),
                extensionHitNs = Math.Round(best[1][7], 2),
                inlineOptionsNs = Math.Round(best[1][5], 2),
                hitBytes = Math.Round(bytes, 3),
                clusterHitNs = Math.Round(best[1][6], 2),
                clusterHitBytes = Math.Round(hostedBytes, 3),
                hitNs2Threads = Math.Round(best[2][0], 2),
                dictionaryNs2Threads = Math.Round(best[2][1], 2),
                memoryCacheNs2Threads = Math.Round(best[2][2], 2),
            }));
        }

        return 0;
    }

    /// <summary>The short form, an extension of the interface.</summary>
    private static async ValueTask<int> OfExtensionAsync(IRegenCache cache, string[] keys)
    {
        int found = 0;
        Func<CancellationToken, ValueTask<Product>> make = s_makeOne;
        foreach (string key in keys)
        {
            if (await cache.GetOrCreateAsync(key, make) is not null)
                found++;
        }

        return found;
    }

    private static ValueTask<Product> Make(string key, CancellationToken cancellationToken) => new(new Product(key));

    private static int Complete(ValueTask<int> round) =>
        round.IsCompletedSuccessfully ? round.Result : throw new InvalidOperationException("A hit waited.");

    private static RegenEntryOptions Inline() => new() { RegenerationInterval = TimeSpan.FromHours(1), ExpiryTolerance = TimeSpan.FromMinutes(1) };

    /// <summary>As <see cref="OfCacheAsync"/>, with options written at the call.</summary>
    private static async ValueTask<int> OfInlineAsync(IRegenCache cache, string[] keys)
    {
        int found = 0;
        Func<string, CancellationToken, ValueTask<Product>> make = s_make;
        foreach (string key in keys)
        {
            if (await cache.GetOrCreateAsync(key, key, make, Inline()) is not null)
                found++;
        }

        return found;
    }

    private static async ValueTask<int> OfCacheAsync(IRegenCache cache, string[] keys)
    {
        int found = 0;
        Func<string, CancellationToken, ValueTask<Product>> make = s_make;
        foreach (string key in keys)
        {
            // The state is the key as the caller has it: an equal string, and each time the same one.
            if (await cache.GetOrCreateAsync(key, key, make) is not null)
                found++;
        }

        return found;
    }

    private static async ValueTask<int> OfClassAsync(RegenCache cache, string[] keys)
    {
        int found = 0;
        Func<string, CancellationToken, ValueTask<Product>> make = s_make;
        foreach (string key in keys)
        {
            if (await cache.GetOrCreateAsync(key, key, make) is not null)
                found++;
        }

        return found;
    }

    private static readonly Func<string, CancellationToken, ValueTask<Product>> s_make = Make;

    private static readonly Func<CancellationToken, ValueTask<Product>> s_makeOne = static _ => new(new Product("one"));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async ValueTask<int> OfTryGetAsync(IRegenCache cache, string[] keys)
    {
        int found = 0;
        foreach (string key in keys)
        {
            if ((await cache.TryGetAsync<Product>(key)).Found)
                found++;
        }

        return found;
    }
}
