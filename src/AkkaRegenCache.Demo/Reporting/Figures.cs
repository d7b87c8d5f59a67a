using System.Diagnostics;
using System.Text.Json;
using AkkaRegenCache.Demo.Farm;
using AkkaRegenCache.Demo.Load;
using AkkaRegenCache.Demo.Origin;

namespace AkkaRegenCache.Demo.Reporting;

/// <summary>Everything the run counts, and the events on the way, for whoever shows it. Thread-safe.</summary>
internal sealed class Figures(OriginServer origin, FarmStatistics farm, LoadStatistics load)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<(TimeSpan At, string What)> _events = [];

    public OriginServer Origin { get; } = origin;

    public FarmStatistics Farm { get; } = farm;

    public LoadStatistics Load { get; } = load;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Whether the run got as far as the death of a node.</summary>
    public bool NodeDied { get; set; }

    public IReadOnlyList<(TimeSpan At, string What)> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public void Event(string what)
    {
        lock (_events)
            _events.Add((Elapsed, what));
    }

    /// <summary>The machine-readable last line. Durations in microseconds, as the clients measured them, cold reads included.</summary>
    public string ToJson() => JsonSerializer.Serialize(new
    {
        requests = Load.Answered,
        originCalls = Origin.Calls,
        plainCacheOriginCalls = Origin.PlainCalls,
        waitedReads = Farm.Waited,
        p50Us = Microseconds(0.5),
        p99Us = Microseconds(0.99),
        p999Us = Microseconds(0.999),
        errors = Load.Errors,
        timeouts = Load.Timeouts,
    });

    /// <summary>A duration with three digits or so and a unit fit for it.</summary>
    public static string Show(TimeSpan duration) => duration.TotalMicroseconds switch
    {
        < 1 => "< 1 µs",
        < 1_000 => $"{duration.TotalMicroseconds:0} µs",
        < 100_000 => $"{duration.TotalMilliseconds:0.0} ms",
        _ => $"{duration.TotalMilliseconds:0} ms",
    };

    public static string Show(LatencyHistogram times) =>
        $"{Show(times.Percentile(0.5))} / {Show(times.Percentile(0.99))} / {Show(times.Percentile(0.999))}";

    private long Microseconds(double share) => (long)Load.Times.Percentile(share).TotalMicroseconds;
}
