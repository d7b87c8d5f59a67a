using AkkaRegenCache.Demo.Reporting;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>What the nodes saw of their requests, together, as they told with each answer. Thread-safe.</summary>
internal sealed class FarmStatistics
{
    private readonly long[] _waits = new long[Enum.GetValues<WaitReason>().Length];
    private long _reads;

    public PlainStatistics Plain { get; } = new();

    public ReadLog Log { get; } = new();

    /// <summary>How long the cache took for each read, as its node measured it.</summary>
    public LatencyHistogram CacheTimes { get; } = new();

    /// <summary>Reads that the nodes' caches were asked for.</summary>
    public long Reads => Volatile.Read(ref _reads);

    /// <summary>Reads that the cache could not answer at once.</summary>
    public long Waited => _waits.Sum();

    public double HitShare => Reads == 0 ? 0 : 1 - (double)Waited / Reads;

    public long WaitsBecause(WaitReason reason) => Volatile.Read(ref _waits[(int)reason]);

    /// <summary>A node has answered.</summary>
    /// <param name="report">What it told of the read.</param>
    /// <param name="reason">Why the read would have to wait.</param>
    public void Read(ReadReport report, WaitReason reason)
    {
        Interlocked.Increment(ref _reads);
        Plain.Read(report.Plain);
        CacheTimes.Record(report.Took);
        if (report.Waited)
            Interlocked.Increment(ref _waits[(int)reason]);
    }
}
