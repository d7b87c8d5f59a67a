using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// A million active keys on one node, made again every 10 s of virtual time: what a tracked key costs in memory, what a regeneration costs
/// in time, and whether any is late.
/// </summary>
/// <remarks>
/// Memory is measured as what a second node adds that reads every key of the first: its memory layer, its protocol state, its generator
/// (a delegate and its state), its queue of deadlines. Not in it: the values, which the nodes share, and the store's own records, told apart.
/// The key's string is counted in, as if each node had its own.
/// </remarks>
internal static class Schedule
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(10);

    public static int Run(string[] args)
    {
        int at = Array.IndexOf(args, "--keys");
        int count = at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : 1_000_000;
        at = Array.IndexOf(args, "--intervals");
        int intervals = at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : 3;
        var time = new VirtualTimeProvider();
        var options = new RegenCacheOptions
        {
            MaximumEntries = count,
            DefaultEntryOptions = new RegenEntryOptions { RegenerationInterval = s_interval, InactiveRetention = TimeSpan.FromHours(1) },
        };
        var store = new InMemoryStore(time);
        var runs = new Runs(time, count);
        for (int i = 0; i < count; i++)
            runs.Of(i);
        string[] keys = [.. Enumerable.Range(0, count).Select(i => $"key:{i}")];
        double keyBytes = keys.Average(k => (22 + (2 * k.Length) + 7) / 8 * 8);

        long empty = GC.GetTotalMemory(forceFullCollection: true);
        var first = new RegenCache("schedule", options, store, timeProvider: time);
        int perStep = Math.Max(1, (int)(count * (s_step / s_interval)));
        for (int i = 0; i < count; i++)
        {
            // Spread over one interval, as the due times of a farm that has run for a while are.
            Ask(first, runs, keys, i);
            if (i % perStep == perStep - 1)
                Advance(first, time);
        }

        Quiet(first);
        long one = GC.GetTotalMemory(forceFullCollection: true);

        var second = new RegenCache("schedule", options, store, timeProvider: time);
        for (int i = 0; i < count; i++)
            Ask(second, runs, keys, i);
        Quiet(second);
        long two = GC.GetTotalMemory(forceFullCollection: true);
        if (second.MemoryEntries != count)
            throw new InvalidOperationException($"The second node has {second.MemoryEntries} of {count} keys.");
        second.Dispose();

        double nodeBytes = ((double)(two - one) / count) + keyBytes;
        double storeBytes = ((double)(one - empty) / count) - ((double)(two - one) / count);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{nodeBytes:F0} bytes per tracked key, its string of {keyBytes:F0} included; the store's record, the value and what is left of operations {storeBytes:F0} more"));

        runs.Begin();
        long began = Stopwatch.GetTimestamp();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        for (var passed = TimeSpan.Zero; passed < s_interval * intervals; passed += s_step)
            Advance(first, time);
        double wall = Stopwatch.GetElapsedTime(began).TotalMicroseconds / runs.Count;
        double cpuUs = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMicroseconds / runs.Count;
        double jitter = Math.Min(s_interval.TotalMilliseconds * options.JitterShare, 1000);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{runs.Count} regenerations in {intervals} intervals of {count} keys: {wall:F2} us each by the clock, {cpuUs:F2} us of processor time; the latest {runs.LatestMs:F0} ms after its target, allowed {jitter:F0} ms; {runs.Early} too early"));
        GC.KeepAlive(keys);
        first.Dispose();
        if (args.Contains("--json"))
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                keys = count,
                bytesPerKey = Math.Round(nodeBytes),
                keyStringBytes = Math.Round(keyBytes),
                storeBytesPerKey = Math.Round(storeBytes),
                regenerations = runs.Count,
                targets = (long)count * intervals,
                usPerRegeneration = Math.Round(wall, 2),
                cpuUsPerRegeneration = Math.Round(cpuUs, 2),
                latestMs = Math.Round(runs.LatestMs, 1),
                jitterMs = jitter,
                early = runs.Early,
            }));
        }

        return 0;
    }

    private static void Ask(RegenCache cache, Runs runs, string[] keys, int i)
    {
        ValueTask<object> task = cache.GetOrCreateAsync(keys[i], runs.Of(i), static (of, _) => new ValueTask<object>(of.Make()));
        if (!task.IsCompletedSuccessfully)
            task.AsTask().GetAwaiter().GetResult();
    }

    private static void Advance(RegenCache cache, VirtualTimeProvider time)
    {
        time.Advance(s_step);
        Quiet(cache);
    }

    /// <summary>Virtual time stands until all that became due is done.</summary>
    private static void Quiet(RegenCache cache)
    {
        var wait = default(SpinWait);
        while (cache.Shell.Backlog != 0 || cache.Shell.Runs.Active != 0 || cache.Shell.StoreCalls != 0)
            wait.SpinOnce(sleep1Threshold: -1);
    }

    /// <summary>Counts runs, and compares the time of each with the key's grid, which begins when its first value is stored.</summary>
    private sealed class Runs(VirtualTimeProvider time, int keys)
    {
        private readonly long[] _firstAt = new long[keys];
        private readonly Run?[] _runs = new Run?[keys];
        private readonly object _value = new();
        private long _count;
        private long _latest;
        private long _early;

        public long Count => Volatile.Read(ref _count);

        public double LatestMs => TimeSpan.FromTicks(Volatile.Read(ref _latest)).TotalMilliseconds;

        public long Early => Volatile.Read(ref _early);

        public Run Of(int key) => _runs[key] ??= new Run(this, key);

        public void Begin()
        {
            _count = 0;
            _latest = 0;
            _early = 0;
        }

        /// <summary>A generator's state: the application's, and one per key for both nodes.</summary>
        internal sealed class Run(Runs runs, int key)
        {
            public object Make()
            {
                long now = runs.Now;
                if (Interlocked.CompareExchange(ref runs._firstAt[key], now, 0) == 0)
                    return runs._value;
                Interlocked.Increment(ref runs._count);
                long late = (now - runs._firstAt[key]) % s_interval.Ticks;
                if (late > s_interval.Ticks / 2)
                    Interlocked.Increment(ref runs._early);
                long latest;
                while (late > (latest = Volatile.Read(ref runs._latest)))
                    Interlocked.CompareExchange(ref runs._latest, late, latest);
                return runs._value;
            }
        }

        private long Now => time.GetTimestamp() + 1;
    }
}
