using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// Synchronous callers of one cold key, all on threads of the pool, in a process that has just started: how long until the first and the last are
/// answered. The generator sleeps, as one does that waits for a database.
/// </summary>
internal static class Blocked
{
    private static readonly TimeSpan s_generation = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static int Run(string[] args)
    {
        var at = Array.IndexOf(args, "--callers");
        var callers = at < 0 ? 150 : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
        using var cache = new RegenCache("blocked");
        using var left = new CountdownEvent(callers);
        var runs = 0;
        long first = 0;
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < callers; i++)
        {
            ThreadPool.QueueUserWorkItem(_ =>
            {
                cache.GetOrAdd("key", Generate, TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));
                Interlocked.CompareExchange(ref first, Stopwatch.GetTimestamp() - start, 0);
                left.Signal();
            });
        }

        var isDone = left.Wait(s_patience);
        var firstMs = Math.Round(Stopwatch.GetElapsedTime(start, start + first).TotalMilliseconds);
        var lastMs = Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{callers} callers, {runs} runs: the first answered after {firstMs} ms, the last after {lastMs} ms"));
        if (args.Contains("--json"))
            Console.WriteLine(JsonSerializer.Serialize(new { callers, runs, firstMs, lastMs, unanswered = left.CurrentCount }));
        return isDone ? 0 : 1;

        int Generate()
        {
            Interlocked.Increment(ref runs);
            Thread.Sleep(s_generation);
            return 1;
        }
    }
}
