using System.Net.Sockets;
using System.Text;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>
/// Knows what Redis has accepted, from Redis itself: it listens to MONITOR, which repeats every command, those of scripts included, in the
/// order in which Redis does them. The store's scripts accept a value or a tombstone by one SET of the entry's value key, and by nothing else.
/// </summary>
/// <remarks>
/// Of the ways to count what was accepted this is the one that neither asks the nodes (a node that is wrong would be wrong about that too) nor
/// misses what is overwritten between two looks. While Redis is down it hears nothing; when it hears again, it reads the records of all keys
/// it knows, so that only what was overwritten before that is missed: it can count too few then, never too many.
/// </remarks>
internal sealed class RedisWitness : IAsyncDisposable
{
    private const string Prefix = "arc:{" + NodeModes.Cache + ":";
    private const string Suffix = "}:v";
    private const string EpochKey = "arc:epoch";
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private readonly List<AcceptedRecord> _accepted = [];
    private readonly HashSet<(string Key, long Token)> _known = [];
    private readonly List<(int Life, long At)> _epochs = [];
    private readonly string _host;
    private readonly int _port;
    private readonly TaskCompletionSource _listens = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private string? _epochId;
    private long _offset;

    private RedisWitness(string host, int port) => (_host, _port) = (host, port);

    /// <summary>Starts to listen; what Redis accepts after the return is heard.</summary>
    public static async Task<RedisWitness> StartAsync(string host, int port, CancellationToken cancellationToken)
    {
        var witness = new RedisWitness(host, port);
        witness._running = witness.RunAsync();
        await witness._listens.Task.WaitAsync(TimeSpan.FromSeconds(10), cancellationToken);
        return witness;
    }

    /// <summary>All that was accepted until now, in the store's order.</summary>
    public IReadOnlyList<AcceptedRecord> Accepted
    {
        get
        {
            lock (_gate)
                return [.. _accepted];
        }
    }

    /// <summary>When each life of the store after the first was first heard of, on the machine's monotonic clock.</summary>
    public IReadOnlyList<long> NewEpochs
    {
        get
        {
            lock (_gate)
                return [.. _epochs.Select(life => life.At)];
        }
    }

    public AcceptedRecord? NewestOf(string key)
    {
        lock (_gate)
            return _accepted.FindLast(record => record.Key == key);
    }

    /// <summary>Redis' wall clock as the machine's monotonic one.</summary>
    public long ToLabTime(long micros) => (micros * (System.Diagnostics.Stopwatch.Frequency / 1_000_000)) + _offset;

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                await ListenAsync();
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                await Task.Delay(s_retry, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync()
    {
        using var monitor = await MiniRedis.ConnectAsync(_host, _port, _ending.Token);
        await monitor.CallAsync(_ending.Token, "MONITOR");
        _offset = MeasureOffset();
        await CatchUpAsync();
        _listens.TrySetResult();
        while (true)
        {
            if (MonitorLine.Parse(await monitor.ReadLineAsync(_ending.Token)) is { } line)
                Take(line);
        }
    }

    /// <summary>Between the wall clock and the monotonic one, by the pair of readings that was interrupted least.</summary>
    private static long MeasureOffset()
    {
        var (least, offset) = (long.MaxValue, 0L);
        for (var i = 0; i < 20; i++)
        {
            var before = LabClock.Now;
            var micros = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            var after = LabClock.Now;
            if (after - before < least)
                (least, offset) = (after - before, before - (micros * (System.Diagnostics.Stopwatch.Frequency / 1_000_000)));
        }

        return offset;
    }

    /// <summary>Reads what may have been accepted while nobody listened.</summary>
    private async Task CatchUpAsync()
    {
        string[] keys;
        lock (_gate)
            keys = [.. _accepted.Select(record => record.Key).Distinct()];
        using var redis = await MiniRedis.ConnectAsync(_host, _port, _ending.Token);
        if (await redis.CallTextAsync(_ending.Token, "GET", EpochKey) is { } life)
            OnEpoch(life, LabClock.Now);
        foreach (var key in keys)
        {
            if (await redis.CallAsync(_ending.Token, "GET", Prefix + key + Suffix) is { } bytes)
                Add(key, bytes, LabClock.Now, 0);
        }
    }

    private void Take(MonitorLine line)
    {
        if (line.Arguments.Count == 0)
            return;
        var command = line.Arguments[0];
        var at = ToLabTime(line.Micros);
        if (command.StartsWith("flush", StringComparison.OrdinalIgnoreCase))
        {
            OnEpoch("flushed " + line.Micros, at);
            return;
        }

        if (!line.IsFromScript || command != "SET" || line.Arguments.Count < 3)
            return;
        var name = line.Arguments[1];
        if (name == EpochKey)
            OnEpoch(line.Arguments[2], at);
        else if (name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal))
            Add(name[Prefix.Length..^Suffix.Length], Encoding.Latin1.GetBytes(line.Arguments[2]), at, line.Micros);
    }

    private void Add(string key, byte[] bytes, long at, long micros)
    {
        lock (_gate)
        {
            if (AcceptedRecord.Read(key, bytes, at, micros, _epochs.Count) is { } record && _known.Add((key, record.Token)))
                _accepted.Add(record);
        }
    }

    private void OnEpoch(string id, long at)
    {
        lock (_gate)
        {
            if (_epochId == id)
                return;
            if (_epochId is not null)
                _epochs.Add((_epochs.Count + 1, at));
            _epochId = id;
        }
    }
}
