using AkkaRegenCache.Protocol;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Logs the failures of this node's generators, so that a source that fails in the background is noticed. Of a burst, the first ones are
/// logged in full and the rest as a count. Called on the shell's loop only.
/// </summary>
internal sealed partial class GenerationFailureLog(ILogger logger, string cacheName, string nodeId)
{
    /// <summary>The most failures that are logged in full within one <see cref="s_window"/>.</summary>
    private const int MostInFull = 10;

    private static readonly long s_window = TimeSpan.FromSeconds(10).Ticks;

    private long _windowEnds = long.MinValue;
    private int _told;
    private int _untold;

    /// <summary>A generation has failed.</summary>
    /// <param name="failed">The failure, with the next try.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    public void Tell(GenerationFailedHere failed, long now)
    {
        TellRest(now);
        if (_windowEnds <= now)
            (_windowEnds, _told) = (now + s_window, 0);
        if (_told++ >= MostInFull)
        {
            _untold++;
            return;
        }

        var next = failed.NextTry is { } wait ? $"in {wait.TotalSeconds:0.0} s" : "when somebody asks for it";
        LogFailed(failed.Failure.Exception, cacheName, failed.Key, nodeId, failed.Why, failed.Attempt, next,
            $"{failed.Failure.Type}: {failed.Failure.Message}");
        if (failed.Failure.Exception is ObjectDisposedException disposed)
            LogDisposed(cacheName, failed.Key, disposed.ObjectName);
    }

    /// <summary>Logs the number of unlogged failures when their window has ended.</summary>
    public void TellRest(long now)
    {
        if (_untold == 0 || _windowEnds > now)
            return;
        LogFurther(cacheName, _untold, nodeId);
        _untold = 0;
    }

    [LoggerMessage(10, LogLevel.Warning,
        "Cache {CacheName}: the generation of '{Key}' failed on {NodeId} ({Why}, attempt {Attempt}); the next try comes {Next}. {Failure}")]
    private partial void LogFailed(
        Exception? exception, string cacheName, string key, string nodeId, Storage.ClaimReason why, int attempt, string next,
        string failure);

    [LoggerMessage(11, LogLevel.Warning, "Cache {CacheName}: {Count} further generations failed on {NodeId} in the last seconds.")]
    private partial void LogFurther(string cacheName, int count, string nodeId);

    [LoggerMessage(12, LogLevel.Warning,
        "Cache {CacheName}: the generator of '{Key}' used '{ObjectName}', which was disposed. A generator outlives the request that gave "
        + "it: let it take what it needs from a scope of "
        + "its own (IServiceScopeFactory), or register it once for its keyspace (AddKeyspace), where each run gets one.")]
    private partial void LogDisposed(string cacheName, string key, string objectName);
}
