using System.Numerics;

namespace AkkaRegenCache.Demo.Reporting;

/// <summary>
/// Counts durations in buckets that grow with the duration: 64 to each power of two, so a percentile is off by at most 1.6 % (the
/// log-linear layout of Gil Tene's HdrHistogram). Recording is one atomic increment, from any thread.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBucketBits = 6;
    private const int SubBuckets = 1 << SubBucketBits;
    private const long LongestNanoseconds = 1L << 41;

    private readonly long[] _counts = new long[IndexOf(LongestNanoseconds) + 1];

    public long Count
    {
        get
        {
            long sum = 0;
            foreach (ref long count in _counts.AsSpan())
                sum += Volatile.Read(ref count);
            return sum;
        }
    }

    public void Record(TimeSpan duration) =>
        Interlocked.Increment(ref _counts[IndexOf(Math.Clamp(duration.Ticks * 100, 0, LongestNanoseconds))]);

    /// <summary>The duration that the given share of the records doesn't exceed; 0 where there are none.</summary>
    public TimeSpan Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(Count * share));
        for (int index = 0; index < _counts.Length; index++)
        {
            rank -= Volatile.Read(ref _counts[index]);
            if (rank <= 0)
                return TimeSpan.FromTicks(UpperBound(index) / 100);
        }

        return TimeSpan.Zero;
    }

    private static int IndexOf(long value)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - SubBucketBits);
        return shift * SubBuckets + (int)(value >> shift);
    }

    private static long UpperBound(int index)
    {
        int shift = Math.Max(0, index / SubBuckets - 1);
        long sub = index - (long)shift * SubBuckets;
        return ((sub + 1) << shift) - 1;
    }
}
