using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Redis;

/// <summary>Warns of data and servers that the store can't use fully, once of each kind. Thread-safe.</summary>
internal sealed partial class RedisWarnings(ILogger logger)
{
    private readonly bool[] _warned = new bool[(int)RecordWarning.ForeignEpoch + 1];
    private bool _serverIsUnknown;
    private bool _commitsAreUntold;
    private bool _isGarnet;

    /// <summary>A script has found data that it can't read.</summary>
    public void Warn(RecordWarning warning, string key)
    {
        if (warning == RecordWarning.None || Interlocked.Exchange(ref _warned[(int)warning], true))
            return;
        switch (warning)
        {
            case RecordWarning.Foreign:
                LogForeign(key);
                break;
            case RecordWarning.Newer:
                LogNewer(key);
                break;
            case RecordWarning.ForeignEpoch:
                LogForeignEpoch();
                break;
            default:
                LogWrongType(key);
                break;
        }
    }

    /// <summary>The server does not say which process it is.</summary>
    public void WarnOfUnknownServer()
    {
        if (!Interlocked.Exchange(ref _serverIsUnknown, true))
            LogServerUnknown();
    }

    /// <summary>A commit was accepted, but its script could not announce it.</summary>
    public void WarnOfUntoldCommits(string error)
    {
        if (!Interlocked.Exchange(ref _commitsAreUntold, true))
            LogCommitsUntold(error);
    }

    /// <summary>The server is Garnet, whose scripts may not be atomic. Neither INFO nor HELLO nor CONFIG says if they are.</summary>
    public void WarnOfGarnet(string version)
    {
        if (!Interlocked.Exchange(ref _isGarnet, true))
            LogGarnet(version);
    }

    [LoggerMessage(20, LogLevel.Warning,
        "What Redis holds for '{Key}' is no record of a cache; it counts as no value. Further ones are not reported.")]
    private partial void LogForeign(string key);

    [LoggerMessage(21, LogLevel.Warning,
        "What Redis holds for '{Key}' was written by a newer version; values generated here are kept in this process's memory instead of "
        + "overwriting it. Further ones are not reported.")]
    private partial void LogNewer(string key);

    [LoggerMessage(22, LogLevel.Warning,
        "Redis holds something of another type under the names of '{Key}'; it counts as no value. Further ones are not reported.")]
    private partial void LogWrongType(string key);

    [LoggerMessage(23, LogLevel.Warning,
        "What Redis holds as the id of the store's epoch is no such id; it was overwritten, and a new epoch began. Does another "
        + "application write under the same "
        + "key prefix? Further ones are not reported.")]
    private partial void LogForeignEpoch();

    [LoggerMessage(24, LogLevel.Warning,
        "The user of this connection may not run INFO, so the server's run id is unknown: a restart or fail-over of Redis goes unnoticed, "
        + "and with it changes that it "
        + "lost. Grant +info.")]
    private partial void LogServerUnknown();

    [LoggerMessage(25, LogLevel.Warning,
        "Redis takes the values that are made here, but doesn't tell the other nodes, which hear of them late: {Error} Grant +publish and "
        + "the channels "
        + "(&PREFIX:notify:*). Further ones are not reported.")]
    private partial void LogCommitsUntold(string error);

    [LoggerMessage(26, LogLevel.Warning,
        "The server is Garnet {Version}, not Redis. Its Lua scripts are atomic only where it was started with --lua "
        + "--lua-transaction-mode, which it doesn't tell: with "
        + "--lua alone a claim is granted twice now and then, and a value is made twice. Make sure that it has both.")]
    private partial void LogGarnet(string version);
}
