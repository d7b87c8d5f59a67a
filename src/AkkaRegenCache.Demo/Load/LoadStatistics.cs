using System.Collections.Concurrent;
using AkkaRegenCache.Demo.Reporting;

namespace AkkaRegenCache.Demo.Load;

/// <summary>What the clients saw. Thread-safe.</summary>
internal sealed class LoadStatistics
{
    private readonly ConcurrentDictionary<string, long> _errors = new();
    private long _answered;
    private long _originFailures;
    private long _retried;
    private long _timeouts;
    private long _oldest;
    private long _standstill;

    /// <summary>Of every request that got an answer, from its first try to the answer's last byte.</summary>
    public LatencyHistogram Times { get; } = new();

    /// <summary>As <see cref="Times"/>, without reads of keys that the farm had no value for.</summary>
    public LatencyHistogram WarmTimes { get; } = new();

    public long Answered => Volatile.Read(ref _answered);

    public long OriginFailures => Volatile.Read(ref _originFailures);

    /// <summary>Tries that found no node or lost it half way, and were made again elsewhere.</summary>
    public long Retried => Volatile.Read(ref _retried);

    /// <summary>Requests that were given up, because no answer came in time: neither right nor wrong.</summary>
    public long Timeouts => Volatile.Read(ref _timeouts);

    /// <summary>Wrong answers.</summary>
    public long Errors => _errors.Values.Sum();

    /// <summary>Each kind of error, with how often it came.</summary>
    public IEnumerable<KeyValuePair<string, long>> ErrorKinds => _errors;

    /// <summary>The age of the oldest value that a client got, from when the origin began to make it to when the client asked.</summary>
    public TimeSpan OldestValue => TimeSpan.FromMilliseconds(Volatile.Read(ref _oldest));

    /// <summary>The most that a tick of the clients' clock came late by: what everything else on this machine may have been late by, too.</summary>
    public TimeSpan LongestStandstill => TimeSpan.FromTicks(Volatile.Read(ref _standstill));

    /// <summary>The clients' clock ticked; by one thread at a time.</summary>
    public void Tick(TimeSpan late)
    {
        if (late > LongestStandstill)
            Volatile.Write(ref _standstill, late.Ticks);
    }

    public void Answer(TimeSpan took, bool isCold)
    {
        Interlocked.Increment(ref _answered);
        Times.Record(took);
        if (!isCold)
            WarmTimes.Record(took);
    }

    public void Value(long ageMilliseconds)
    {
        long oldest = Volatile.Read(ref _oldest);
        while (ageMilliseconds > oldest)
            oldest = Interlocked.CompareExchange(ref _oldest, ageMilliseconds, oldest) is var seen && seen == oldest ? ageMilliseconds : seen;
    }

    public void OriginFailure() => Interlocked.Increment(ref _originFailures);

    public void Retry() => Interlocked.Increment(ref _retried);

    public void Timeout() => Interlocked.Increment(ref _timeouts);

    public void Error(string kind) => _errors.AddOrUpdate(kind, 1, static (_, n) => n + 1);
}
