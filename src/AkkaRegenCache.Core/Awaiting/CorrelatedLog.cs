using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// Tells of messages that were dropped or not sent: the first at once, of what follows one every ten seconds with the number of the others.
/// Thread-safe.
/// </summary>
internal sealed partial class CorrelatedLog(ILogger logger, string topic, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10);

    private readonly Throttle _dropped = new(time);
    private readonly Throttle _unsent = new(time);

    /// <summary>A message that has come is not delivered to anybody.</summary>
    public void Dropped(string why, Exception? error)
    {
        if (_dropped.MayTell(out var untold))
            LogDropped(error, topic, why, untold);
    }

    /// <summary>Other nodes don't hear a message of this one.</summary>
    public void NotSent(Exception error)
    {
        if (_unsent.MayTell(out var untold))
            LogNotSent(error, topic, untold);
    }

    [LoggerMessage(40, LogLevel.Warning,
        "Topic '{Topic}': a message was dropped, because {Why}. Those who wait for it ask again at their deadline. "
        + "({Count} more since the last line.)")]
    private partial void LogDropped(Exception? exception, string topic, string why, int count);

    [LoggerMessage(41, LogLevel.Warning,
        "Topic '{Topic}': a message could not be sent to the other nodes; who waits there asks again at the deadline. "
        + "({Count} more since the last line.)")]
    private partial void LogNotSent(Exception exception, string topic, int count);

    private sealed class Throttle(TimeProvider time)
    {
        private readonly Lock _gate = new();
        private long? _toldAt;
        private int _untold;

        public bool MayTell(out int untold)
        {
            lock (_gate)
            {
                untold = _untold;
                if (_toldAt is { } at && time.GetElapsedTime(at) < s_pause)
                {
                    _untold++;
                    return false;
                }

                _toldAt = time.GetTimestamp();
                _untold = 0;
                return true;
            }
        }
    }
}
