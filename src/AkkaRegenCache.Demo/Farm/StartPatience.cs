using System.Diagnostics;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// How long a process that starts is waited for: as long as it makes progress. A busy machine may give it a small share of a processor, so what is measured is
/// its own processor time. It is given up when it has used none of it for a while, or a lot of it without being ready. For one thread.
/// </summary>
internal sealed class StartPatience(Process process)
{
    /// <summary>How long a process may use no processor time at all.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>How much processor time a start may take; it takes about two seconds.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60);

    private TimeSpan _used;
    private long _usedAt = Stopwatch.GetTimestamp();

    /// <summary>How often to look.</summary>
    public static TimeSpan Step { get; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Null: go on waiting; else why not.</summary>
    public string? ReasonToGiveUp()
    {
        process.Refresh();
        if (process.HasExited)
            return $"it ended with exit code {process.ExitCode} before it was ready; see its messages above";
        TimeSpan used = process.TotalProcessorTime;
        if (used > _used)
            (_used, _usedAt) = (used, Stopwatch.GetTimestamp());
        if (used > Most)
            return $"it has used {used.TotalSeconds:0} s of processor time and is not ready";
        return Stopwatch.GetElapsedTime(_usedAt) > Longest ? $"it has done nothing for {Longest.TotalSeconds:0} s" : null;
    }
}

/// <summary>A part of the farm did not come up; the message says which and why.</summary>
internal sealed class StartFailedException(string message, Exception? innerException = null) : Exception(message, innerException);
