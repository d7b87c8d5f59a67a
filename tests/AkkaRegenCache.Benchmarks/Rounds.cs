using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>What the hit benchmarks share: their keys, what they compare with, and how rounds are timed.</summary>
internal static class Rounds
{
    /// <summary>Keys as stored and as asked for: by equal strings, not by the same ones, in an order the processor cannot learn.</summary>
    public static (string[] Stored, string[] Asked) Keys(int count)
    {
        string[] stored = [.. Enumerable.Range(0, count).Select(i => $"product:{i * 7919}:price")];
        string[] asked = [.. stored.Select(key => new string(key.AsSpan()))];
        new Random(1).Shuffle(asked);
        return (stored, asked);
    }

    /// <summary>The candidates take turns in short rounds; the fastest round of each counts.</summary>
    public static double[] Measure((string Name, Func<string[], int> Round)[] candidates, string[] asked, int threads, double seconds)
    {
        var best = new double[candidates.Length];
        Array.Fill(best, double.MaxValue);
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            for (int i = 0; i < candidates.Length; i++)
            {
                Func<string[], int> round = candidates[i].Round;
                double[] times = new double[threads];
                using var start = new Barrier(threads);
                Thread[] workers = [.. Enumerable.Range(0, threads).Select(n => new Thread(() =>
                {
                    start.SignalAndWait();
                    long began = Stopwatch.GetTimestamp();
                    for (int repeat = 0; repeat < 100; repeat++)
                    {
                        if (round(asked) != asked.Length)
                            throw new InvalidOperationException("A key is missing.");
                    }

                    times[n] = Stopwatch.GetElapsedTime(began).TotalNanoseconds / (100.0 * asked.Length);
                }))];
                foreach (Thread worker in workers)
                    worker.Start();
                foreach (Thread worker in workers)
                    worker.Join();
                best[i] = Math.Min(best[i], times.Average());
            }
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int OfDictionary(ConcurrentDictionary<string, object> dictionary, string[] keys)
    {
        int found = 0;
        foreach (string key in keys)
        {
            if (dictionary.TryGetValue(key, out object? value) && value is Product)
                found++;
        }

        return found;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int OfMemoryCache(MemoryCache cache, string[] keys)
    {
        int found = 0;
        foreach (string key in keys)
        {
            if (cache.TryGetValue(key, out object? value) && value is Product)
                found++;
        }

        return found;
    }
}

/// <summary>A value to cache.</summary>
public sealed record Product(string Name);
