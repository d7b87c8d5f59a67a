using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Logs why values can't be read and what happens to them: once for each kind of key (the text before its first colon) and type.
/// Thread-safe.
/// </summary>
internal sealed partial class UnreadableLog(ILogger logger, string cacheName)
{
    /// <summary>The most kinds that are remembered: each key without a colon is a kind of its own.</summary>
    private const int MostKinds = 1000;

    private readonly ConcurrentDictionary<(string Kind, Type As), bool> _told = new();

    public void Tell(string key, Type type, Exception error)
    {
        if (_told.Count >= MostKinds || !logger.IsEnabled(LogLevel.Warning))
            return;
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        if (_told.TryAdd((colon < 0 ? key : key[..colon], type), true))
            LogUnreadable(error, cacheName, key, type);
    }

    [LoggerMessage(17, LogLevel.Warning,
        "Cache {CacheName}: the value of '{Key}' can't be read as {Type}. It counts as missing: who brings a generator has it made again. "
        + "Further ones of this kind of key are not reported.")]
    private partial void LogUnreadable(Exception exception, string cacheName, string key, Type type);
}
