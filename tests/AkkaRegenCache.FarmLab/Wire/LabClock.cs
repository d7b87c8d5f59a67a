using System.Diagnostics;

namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>
/// The one clock of the lab, in ticks of <see cref="Stopwatch"/>. On Linux and macOS it counts from the machine's start (CLOCK_MONOTONIC), so
/// the timestamps of different processes can be compared; the farm checks that when a node becomes ready.
/// </summary>
internal static class LabClock
{
    public static long Now => Stopwatch.GetTimestamp();

    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    public static long TicksOfMilliseconds(double milliseconds) => (long)(milliseconds * Stopwatch.Frequency / 1000);

    public static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;

    public static TimeSpan Since(long timestamp) => Stopwatch.GetElapsedTime(timestamp);

    public static long After(TimeSpan time) => Now + Ticks(time);
}
