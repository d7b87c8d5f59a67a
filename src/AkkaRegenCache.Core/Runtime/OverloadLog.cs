using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Logs that callers got an error because too many generations run and wait on this node: the first one at once, then the number every
/// minute. Called on the loop only.
/// </summary>
internal sealed partial class OverloadLog(ILogger logger, string cacheName)
{
    private static readonly long s_window = TimeSpan.FromMinutes(1).Ticks;

    private long _nextAt = long.MinValue;
    private long _untold;

    /// <param name="key">The key that could not be generated.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    public void Tell(string key, long now)
    {
        if (now < _nextAt)
        {
            _untold++;
            return;
        }

        _nextAt = now + s_window;
        LogOverloaded(cacheName, key, _untold);
        _untold = 0;
    }

    [LoggerMessage(18, LogLevel.Warning,
        "Cache {CacheName}: too many generations run and wait on this node, so callers of '{Key}' got a RegenOverloadException ({Untold} "
        + "more keys since this was told last). "
        + "MaximumForegroundGenerations and MaximumQueuedGenerations bound them.")]
    private partial void LogOverloaded(string cacheName, string key, long untold);
}
