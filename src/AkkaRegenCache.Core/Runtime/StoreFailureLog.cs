using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Logs failed operations of the external store: the first of each kind in full, those within the next seconds as a count. When a store
/// refuses or is lost, the operations of all keys fail alike. Thread-safe.
/// </summary>
internal sealed partial class StoreFailureLog(ILogger logger, string cacheName)
{
    private static readonly long s_window = TimeSpan.FromSeconds(10).Ticks;

    private readonly Lock _gate = new();
    private readonly Dictionary<Type, Burst> _bursts = [];

    /// <summary>An operation has failed.</summary>
    /// <param name="exception">How.</param>
    /// <param name="operation">Which.</param>
    /// <param name="key">Of which key; empty: of several.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    public void Tell(Exception exception, string operation, string key, long now)
    {
        lock (_gate)
        {
            TellRestHere(now);
            if (_bursts.TryGetValue(exception.GetType(), out var burst))
            {
                burst.Untold++;
                return;
            }

            _bursts.Add(exception.GetType(), new Burst { Ends = now + s_window });
        }

        // The store's message says why it refuses; the stack trace in this process does not.
        if (exception is StoreRefusedException)
            LogRefused(cacheName, operation, key, exception.Message);
        else
            LogFailed(exception, cacheName, operation, key);
    }

    /// <summary>Logs the number of unlogged failures when their window has ended.</summary>
    /// <param name="now">Monotonic time in ticks.</param>
    public void TellRest(long now)
    {
        lock (_gate)
            TellRestHere(now);
    }

    /// <summary>Logs the number of unlogged failures: the store is back, or the node leaves. No warning, because it is over.</summary>
    public void TellEnd()
    {
        lock (_gate)
            TellRestHere(long.MaxValue, LogLevel.Information);
    }

    private void TellRestHere(long now, LogLevel level = LogLevel.Warning)
    {
        if (_bursts.Count == 0)
            return;
        foreach (var (kind, burst) in _bursts)
        {
            if (burst.Ends > now)
                continue;
            _bursts.Remove(kind);
            if (burst.Untold > 0)
                LogFurther(level, cacheName, burst.Untold, kind.Name);
        }
    }

    [LoggerMessage(2, LogLevel.Warning,
        "Cache {CacheName}: {Operation} of '{Key}' failed in the external store. Further failures of this kind are told as a count.")]
    private partial void LogFailed(Exception exception, string cacheName, string operation, string key);

    [LoggerMessage(13, LogLevel.Warning,
        "Cache {CacheName}: the external store refuses {Operation} of '{Key}'. Further refusals are told as a count. {Reason}")]
    private partial void LogRefused(string cacheName, string operation, string key, string reason);

    [LoggerMessage(EventId = 16,
        Message = "Cache {CacheName}: {Count} further operations failed in the external store in the last seconds ({Kind}).")]
    private partial void LogFurther(LogLevel level, string cacheName, int count, string kind);

    private sealed class Burst
    {
        public required long Ends { get; init; }

        public int Untold { get; set; }
    }
}
