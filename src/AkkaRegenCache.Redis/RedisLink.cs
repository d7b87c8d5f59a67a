using System.Globalization;
using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// A connection with what the store's scripts need to know: the database, whether it is a Redis Cluster, and the store's epoch, which is
/// checked again after each lost connection.
/// </summary>
/// <remarks>
/// <para>
/// The epoch's id is a key in Redis: the server's run id, a random number and the time at which it began. Every script returns it. A flush
/// deletes the key too, so the next operation of any node notices it and begins a new epoch. Another server process (a restart, a replica
/// that took over) may have the key and yet have lost the last second. So the node that connects compares the run id, and the first node
/// that finds a different one begins a new epoch for all.
/// </para>
/// <para>
/// On a Redis Cluster a script can't read a key in another slot. There the epoch is read beside each operation, in the same pipeline, and
/// any lost connection or moved slot begins a new epoch. Each costs the nodes one comparison of their entries, and nothing else.
/// </para>
/// </remarks>
internal sealed class RedisLink
{
    /// <summary>The placeholder for the server's run id if the user may not read it.</summary>
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
    private Task? _givenUp;
    private Checked? _last;
    private bool _wasLost;
    private string _epoch = "";

    /// <summary>The result of a check.</summary>
    /// <param name="Run">Names the server process and this node, in case a script has to begin an epoch.</param>
    /// <param name="Epoch">The epoch at that time.</param>
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
        connection.HashSlotMoved += (_, _) => Suspect();
    }

    public IConnectionMultiplexer Connection => _connection;

    public IDatabase Database { get; }

    /// <summary>Whether it is known not to be a Redis Cluster.</summary>
    public bool IsSingleServer => Volatile.Read(ref _check) is { IsCompletedSuccessfully: true, Result.IsCluster: false };

    public RedisKey EpochKey => _epochKey[0];

    /// <summary>
    /// The client's prefix of channel names (<c>channelPrefix</c>). The client does not rewrite scripts, so a script must add it by itself.
    /// </summary>
    public string ChannelPrefix { get; }

    /// <summary>
    /// Whether the client was found to publish on other channels than a script. The prefix is known from the client's configuration only.
    /// Not every prefix can be parsed from it (one with a comma), and not every decorator of a connection exposes it.
    /// </summary>
    public bool HasOtherChannels { get; set; }

    /// <summary>
    /// What is known of the server; read once after each connection. All operations share the task. It runs on the pool and not in the
    /// context of the first caller, whose thread may be blocked or gone and must not delay the node.
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
    /// What is known of the server. On a Redis Cluster one server has the epoch's key: while it doesn't answer, the result is what was known last, so that the
    /// other servers don't count as down with it. Each operation reads the epoch again, and a changed one counts as soon as the server answers.
    /// </summary>
    public Task<Checked> CheckedOrLastAsync()
    {
        // The usual case allocates nothing: every operation comes by here.
        var check = CheckedAsync();
        return check.IsCompletedSuccessfully ? check : OrLastAsync(check, static last => last);
    }

    /// <summary>The epoch as it was read, or the last known one if its server answers much later than another one did.</summary>
    public Task<string> EpochOrLastAsync(Task<string> reading) =>
        reading.IsCompletedSuccessfully ? reading : OrLastAsync(reading, static last => last.Epoch);

    private async Task<T> OrLastAsync<T>(Task<T> asked, Func<Checked, T> ofLast)
    {
        if (Volatile.Read(ref _last) is not { IsCluster: true } last)
            return await asked.ConfigureAwait(false);
        if (Volatile.Read(ref _givenUp) == asked)
            return ofLast(last);
        try
        {
            return await asked.WaitAsync(s_patience).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // The next operations don't wait for the same check again.
            if (asked is Task<Checked>)
                Volatile.Write(ref _givenUp, asked);
            Forget(asked);
            return ofLast(last);
        }
    }

    /// <summary>Observes the failure of a task that nobody waits for.</summary>
    public static void Forget(Task task) => _ = task.ContinueWith(
        static given => _ = given.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    /// <summary>The server may be a different one: the next operation checks first.</summary>
    public void Suspect()
    {
        lock (_gate)
        {
            _wasLost = true;
            _check = null;
        }
    }

    /// <summary>The server did not know a script. Most likely it is a different process.</summary>
    public async Task OnScriptUnknownAsync()
    {
        lock (_gate)
        {
            if (_check is { IsCompleted: true })
                _check = null;
        }

        await CheckedOrLastAsync().ConfigureAwait(false);
    }

    /// <summary>Returns the same string for the same epoch, so that it is allocated once.</summary>
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
        connection.Configuration is { Length: > 0 } configuration
            ? (string?)ConfigurationOptions.Parse(configuration, ignoreUnknown: true).ChannelPrefix ?? ""
            : "";

    private void OnConnection(ConnectionType type)
    {
        if (type == ConnectionType.Interactive)
            Suspect();
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
