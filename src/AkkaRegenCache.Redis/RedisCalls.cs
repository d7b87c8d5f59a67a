using System.Text;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>Calls the scripts: connects at first use, tracks the store's epoch, and warns once of unreadable data. Thread-safe.</summary>
internal sealed class RedisCalls(RedisConnection connection, RedisKey epochKey, RedisScripts scripts, ILogger logger)
{
    private readonly Lock _gate = new();
    private RedisLink? _link;

    public RedisScripts Scripts => scripts;

    public RedisConnection Connection => connection;

    public RedisWarnings Warnings { get; } = new(logger);

    /// <summary>The connection, if scripts may publish on it. Null until that is known, and on a Redis Cluster.</summary>
    public RedisLink? Announcing => Volatile.Read(ref _link) is { IsSingleServer: true, HasOtherChannels: false } link ? link : null;

    public async ValueTask<bool> IsClusterAsync(CancellationToken cancellationToken)
    {
        var link = await LinkAsync(cancellationToken).ConfigureAwait(false);
        return (await Await(link.CheckedOrLastAsync(), cancellationToken).ConfigureAwait(false)).IsCluster;
    }

    /// <summary>Reads the store's epoch only.</summary>
    public async ValueTask<string> EpochAsync(CancellationToken cancellationToken)
    {
        var link = await LinkAsync(cancellationToken).ConfigureAwait(false);
        await Await(link.CheckedOrLastAsync(), cancellationToken).ConfigureAwait(false);
        return await Await(link.EpochOrLastAsync(ReadEpochAsync(link)), cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<RedisLink.Checked> CheckedAsync(RedisLink link, string key, CancellationToken cancellationToken)
    {
        try
        {
            return await Await(link.CheckedOrLastAsync(), cancellationToken).ConfigureAwait(false);
        }
        catch (RedisServerException error) when (RedisErrors.IsRefusal(error))
        {
            throw RedisErrors.Refused(error, "check of the server before an operation", key);
        }
    }

    /// <summary>Calls a script.</summary>
    /// <param name="script">The script.</param>
    /// <param name="key">The key of the operation, for a warning.</param>
    /// <param name="keys">Its keys. The epoch's key is added where a script can read it.</param>
    /// <param name="values">Its arguments. The id for a new epoch is put before them.</param>
    /// <param name="cancellationToken">Ends the wait. A command that was sent may be done all the same.</param>
    /// <param name="isLetEnd">Whether to wait for the answer even then, once the command was sent.</param>
    public async ValueTask<(RedisResult[] Reply, string Epoch)> CallAsync(
        RedisScript script, string key, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken, bool isLetEnd = false)
    {
        var link = await LinkAsync(cancellationToken).ConfigureAwait(false);
        var known = await CheckedAsync(link, key, cancellationToken).ConfigureAwait(false);
        var readingEpoch = known.IsCluster ? ReadEpochAsync(link) : null;
        var calling = script.RunAsync(
            link.Database, known.IsCluster ? keys : [.. keys, epochKey], [known.Run, .. values], link.OnScriptUnknownAsync);
        RedisResult[] reply;
        if (isLetEnd)
            cancellationToken = CancellationToken.None;
        try
        {
            reply = await Await(calling, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (readingEpoch is not null || e is RedisServerException)
        {
            if (readingEpoch is not null)
                RedisLink.Forget(readingEpoch);
            if (e is RedisServerException error && RedisErrors.IsRefusal(error))
                throw RedisErrors.Refused(error, script.Name, key);
            throw;
        }

        var epoch = readingEpoch is null
            ? link.Intern(reply[0])
            : await Await(link.EpochOrLastAsync(readingEpoch), cancellationToken).ConfigureAwait(false);
        Warnings.Warn(RedisAnswers.Warning(reply[1]), key);
        return (reply, epoch);
    }

    private static async Task<string> ReadEpochAsync(RedisLink link)
    {
        try
        {
            if ((string?)await link.Database.StringGetAsync(link.EpochKey).ConfigureAwait(false) is { Length: > 0 } epoch
                && Ascii.IsValid(epoch))
                return epoch;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            // Another application's value: the epoch counts as missing.
        }

        await link.OnScriptUnknownAsync().ConfigureAwait(false);
        return (await link.CheckedAsync().ConfigureAwait(false)).Epoch;
    }

    private static async ValueTask<T> Await<T>(Task<T> task, CancellationToken cancellationToken)
    {
        if (task.IsCompletedSuccessfully)
            return task.Result;
        try
        {
            return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch when (!task.IsCompleted)
        {
            RedisLink.Forget(task);
            throw;
        }
    }

    private async ValueTask<RedisLink> LinkAsync(CancellationToken cancellationToken)
    {
        var connected = await Await(connection.GetAsync(), cancellationToken).ConfigureAwait(false);
        var link = Volatile.Read(ref _link);
        if (link?.Connection != connected)
        {
            lock (_gate)
            {
                link = _link;
                if (link?.Connection != connected)
                    _link = link = new RedisLink(connected, epochKey, scripts.Epoch, Warnings, isNext: link is not null);
            }
        }

        // Fail at once. A connection of the application may queue commands (its BacklogPolicy) and send them after a reconnect. The caller
        // would wait in vain, and a command that was given up would be done late.
        connection.ThrowIfDisconnected(connected);
        return link;
    }
}
