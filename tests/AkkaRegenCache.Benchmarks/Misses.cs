using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// What a miss costs: 1,000 callers of one cold key, who share one run; and 100,000 cold keys asked one after the other with a generator
/// that does nothing, beside <c>MemoryCache.GetOrCreateAsync</c> on the same keys in the same run. Medians of several rounds.
/// </summary>
internal static class Misses
{
    private const int Callers = 1_000;
    private const int Keys = 100_000;
    private const int Rounds = 7;

    public static int Run(string[] args)
    {
        var shared = new List<(double Us, double Bytes)>();
        var distinct = new List<(double Us, double Bytes)>();
        var plain = new List<(double Us, double Bytes)>();
        string[] keys = [.. Enumerable.Range(0, Keys).Select(i => $"product:{i}:price")];
        for (int round = 0; round <= Rounds; round++)
        {
            var results = (Shared: OfOneKey().GetAwaiter().GetResult(), Distinct: OfKeys(keys).GetAwaiter().GetResult(), Plain: OfMemoryCache(keys).GetAwaiter().GetResult());
            if (round == 0)
                continue;
            shared.Add(results.Shared);
            distinct.Add(results.Distinct);
            plain.Add(results.Plain);
        }

        Tell($"{Callers} callers of one cold key", shared);
        Tell($"{Keys} cold keys in turn", distinct);
        Tell($"{Keys} cold keys in turn, MemoryCache", plain);
        if (args.Contains("--json"))
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                sharedUsPerCaller = Us(shared),
                sharedBytesPerCaller = Bytes(shared),
                distinctUsPerCaller = Us(distinct),
                distinctBytesPerCaller = Bytes(distinct),
                memoryCacheUsPerCaller = Us(plain),
                memoryCacheBytesPerCaller = Bytes(plain),
            }));
        }

        return 0;
    }

    private static async Task<(double Us, double Bytes)> OfOneKey()
    {
        await using var cache = new RegenCache("misses");
        var allAsked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int runs = 0;
        var tasks = new Task<int>[Callers];
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        long began = Stopwatch.GetTimestamp();
        Parallel.For(0, Callers, i => tasks[i] = cache.GetOrCreateAsync("key", Generate, static (generate, ct) => generate(ct)).AsTask());
        allAsked.SetResult();
        int[] values = await Task.WhenAll(tasks);
        double us = Stopwatch.GetElapsedTime(began).TotalMicroseconds / Callers;
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        if (runs != 1 || values.Any(v => v != 1))
            throw new InvalidOperationException($"{runs} runs.");
        return (us, (double)bytes / Callers);

        async ValueTask<int> Generate(CancellationToken cancellationToken)
        {
            int run = Interlocked.Increment(ref runs);
            await allAsked.Task;
            return run;
        }
    }

    private static async Task<(double Us, double Bytes)> OfKeys(string[] keys)
    {
        await using var cache = new RegenCache("misses");
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        long began = Stopwatch.GetTimestamp();
        foreach (string key in keys)
            await cache.GetOrCreateAsync(key, key, static (k, _) => new ValueTask<string>(k));
        double us = Stopwatch.GetElapsedTime(began).TotalMicroseconds / keys.Length;
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        return (us, (double)bytes / keys.Length);
    }

    private static async Task<(double Us, double Bytes)> OfMemoryCache(string[] keys)
    {
        using var cache = new MemoryCache(new MemoryCacheOptions());
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        long began = Stopwatch.GetTimestamp();
        foreach (string key in keys)
        {
            await cache.GetOrCreateAsync(key, entry =>
            {
                entry.AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(1);
                return Task.FromResult(key);
            });
        }

        double us = Stopwatch.GetElapsedTime(began).TotalMicroseconds / keys.Length;
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        return (us, (double)bytes / keys.Length);
    }

    private static double Us(List<(double Us, double Bytes)> rounds) => Math.Round(rounds.Select(r => r.Us).Order().ElementAt(rounds.Count / 2), 2);

    private static double Bytes(List<(double Us, double Bytes)> rounds) => Math.Round(rounds.Select(r => r.Bytes).Order().ElementAt(rounds.Count / 2));

    private static void Tell(string what, List<(double Us, double Bytes)> rounds) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{what,-40} {Us(rounds),8:F2} us  {Bytes(rounds),6:F0} bytes a caller"));
}
