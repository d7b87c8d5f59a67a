using System.Globalization;
using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// A connection as the store's scripts need it: which database, whether it is a Redis Cluster, and the store's epoch, which is looked at again
/// whenever a connection was lost.
/// </summary>
/// <remarks>
/// <para>
/// The epoch's id is a key in Redis: the server's run id, a random number and the time it began. Every script tells it with its answer, so a
/// flush, which takes the key along, is noticed by the next operation of any node, and makes a new epoch. Another server process (a restart,
/// a replica that took over) may have its key and yet have lost the last second: the node that connects compares the run id, and the first one
/// that finds another one begins a new epoch for all.
/// </para>
/// <para>
/// On a Redis Cluster a script can't see a key in another slot. There the epoch is read beside each operation, in the same pipeline, and any
/// lost connection or moved slot begins a new epoch: each costs the nodes a check of their entries, and nothing else.
/// </para>
/// </remarks>
internal sealed class RedisLink
{
    /// <summary>What the script says for the server's run id where the user may not ask for it.</summary>
    private static readonly RedisValue s_unknown = "unknown-";

    /// <summary>How much later than another server's answer the epoch may come.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(100);

    private readonly string _random = Random.Shared.NextInt64().ToString("x16", CultureInfo.InvariantCulture);
    private readonly Lock _gate = new();
    private readonly IConnectionMultiplexer _connection;
    private readonly RedisScript _script;
    private readonly RedisWarnings _warnings;
    private readonly RedisKey[] _epochKey;
    private Task<Checked>? _check;
    private Task<Checked>? _givenUp;
    private Checked? _last;
    private bool _wasLost;
    private string _epoch = "";

    /// <summary>What a check found.</summary>
    /// <param name="Run">Names the server process and this node, for the epoch that a script may have to begin.</param>
    /// <param name="Epoch">The epoch, as it was then.</param>
    /// <param name="IsCluster">Whether it is a Redis Cluster.</param>
    internal sealed record Checked(RedisValue Run, string Epoch, bool IsCluster);

    public RedisLink(IConnectionMultiplexer connection, RedisKey epochKey, RedisScript script, RedisWarnings warnings, bool isNext)
    {
        _connection = connection;
        _script = script;
        _warnings = warnings;
        _wasLost = isNext;
        _epochKey = [epochKey];
        Database = connection.GetDatabase();
        ChannelPrefix = PrefixOf(connection);
        connection.ConnectionFailed += (_, e) => OnConnection(e.ConnectionType);
        connection.ConnectionRestored += (_, e) => OnConnection(e.ConnectionType);
        connection.HashSlotMoved += (_, _) => Doubt();
    }

    public IConnectionMultiplexer Connection => _connection;

    public IDatabase Database { get; }

    /// <summary>Whether it is known to be no Redis Cluster.</summary>
    public bool IsSingleServer => Volatile.Read(ref _check) is { IsCompletedSuccessfully: true, Result.IsCluster: false };

    public RedisKey EpochKey => _epochKey[0];

    /// <summary>What the client puts before the names of channels (<c>channelPrefix</c>): a script, which it doesn't rewrite, has to do so itself.</summary>
    public string ChannelPrefix { get; }

    /// <summary>
    /// Whether the client was found to publish on other channels than a script does. Its configuration is all that is known of the prefix, and not every prefix
    /// can be read from it again (one with a comma), nor does every decorator of a connection tell it.
    /// </summary>
    public bool HasOtherChannels { get; set; }

    /// <summary>
    /// What is known of the server; asked for once after each connection. All operations share the task, so it runs on the pool and never in the context of the caller
    /// who came first: a thread that is blocked, or gone, must not hold up the node.
    /// </summary>
    public Task<Checked> CheckedAsync()
    {
        var check = Volatile.Read(ref _check);
        if (check is { IsCompletedSuccessfully: true })
            return check;
        lock (_gate)
        {
            if (_check is null or { IsFaulted: true } or { IsCanceled: true })
                _check = OwnContext.Run(() => Task.Run(CheckAsync));
            return _check;
        }
    }

    /// <summary>
    /// The same; on a Redis Cluster, where one server has the epoch's key, what was known last, when that server doesn't answer. The others must not be taken for
    /// down with it. What it knows is looked at again by each operation, and counts as soon as it answers: until then nobody learns that another server has lost
    /// something, which a claim there would have been lost with.
    /// </summary>
    public async Task<Checked> CheckedOrLastAsync()
    {
        var check = CheckedAsync();
        if (check.IsCompletedSuccessfully || Volatile.Read(ref _last) is not { IsCluster: true } last)
            return await check.ConfigureAwait(false);
        if (Volatile.Read(ref _givenUp) == check)
            return last;
        try
        {
            return await check.WaitAsync(s_patience).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Volatile.Write(ref _givenUp, check);
            Forget(check);
            return last;
        }
    }

    /// <summary>The epoch as it was read, or the one that was known last, where its server doesn't answer as soon as another one did.</summary>
    public async Task<string> EpochOrLastAsync(Task<string> reading)
    {
        if (reading.IsCompletedSuccessfully || Volatile.Read(ref _last) is not { IsCluster: true } last)
            return await reading.ConfigureAwait(false);
        try
        {
            return await reading.WaitAsync(s_patience).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Forget(reading);
            return last.Epoch;
        }
    }

    private static void Forget(Task task) => _ = task.ContinueWith(
        static given => _ = given.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    /// <summary>The server may be another one than before: the next operation asks first.</summary>
    public void Doubt()
    {
        lock (_gate)
        {
            _wasLost = true;
            _check = null;
        }
    }

    /// <summary>The server didn't know a script: the likeliest reason is that it is another process.</summary>
    public async Task OnScriptUnknownAsync()
    {
        lock (_gate)
        {
            if (_check is { IsCompleted: true })
                _check = null;
        }

        await CheckedOrLastAsync().ConfigureAwait(false);
    }

    /// <summary>The same string for the same epoch, so that it is made once.</summary>
    public string Intern(RedisResult id)
    {
        var epoch = (string?)id ?? "";
        var last = Volatile.Read(ref _epoch);
        if (epoch == last)
            return last;
        Volatile.Write(ref _epoch, epoch);
        return epoch;
    }

    private static string PrefixOf(IConnectionMultiplexer connection) =>
        connection.Configuration is { Length: > 0 } configuration ? (string?)ConfigurationOptions.Parse(configuration, ignoreUnknown: true).ChannelPrefix ?? "" : "";

    private void OnConnection(ConnectionType type)
    {
        if (type == ConnectionType.Interactive)
            Doubt();
    }

    private async Task<Checked> CheckAsync()
    {
        var isCluster = IsCluster();
        bool begins;
        lock (_gate)
        {
            begins = isCluster && _wasLost;
            _wasLost = false;
        }

        RedisResult[] reply;
        try
        {
            reply = await _script.RunAsync(Database, _epochKey, [_random, begins ? "1" : "0"]).ConfigureAwait(false);
        }
        catch when (begins)
        {
            // It still has to begin.
            lock (_gate)
                _wasLost = true;
            throw;
        }

        var run = (RedisValue)reply[0];
        if (run.StartsWith(s_unknown))
            _warnings.WarnOfUnknownServer();
        _warnings.Warn(RedisAnswers.Warning(reply[2]), "");
        if (RedisAnswers.Text(reply[3]) is { Length: > 0 } garnet)
            _warnings.WarnOfGarnet(garnet);
        var known = new Checked(run, (string?)reply[1] ?? "", isCluster);
        Volatile.Write(ref _last, known);
        return known;
    }

    private bool IsCluster() =>
        Array.Exists(_connection.GetServers(), static server => server is { IsConnected: true, ServerType: ServerType.Cluster });
}
