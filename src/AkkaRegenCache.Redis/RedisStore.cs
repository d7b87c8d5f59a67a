using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Redis as the external store: it arbitrates for a farm of any number of processes. Every operation is one Lua script, and the clock is
/// Redis' own.
/// </summary>
/// <remarks>
/// <para>
/// <b>One script for each operation.</b> So it is atomic and costs one round trip. Concurrent operations are pipelined on one connection. A
/// server that doesn't know a script yet is sent its text.
/// </para>
/// <para>
/// <b>Batches</b> (renewals, touches, checks) are one script call for every 200 keys. They are bounded because Redis does nothing else
/// meanwhile. On a Redis Cluster the entries lie in different slots; there a batch is one call for each key, sent together.
/// </para>
/// <para>
/// <b>Everything expires by itself.</b> Values, tombstones, claims, failures and remembered operations have a time to live in Redis;
/// nothing needs a sweep. An entry whose value was evicted is missing. If a claim was evicted, its commit is superseded.
/// </para>
/// <para>
/// <b>Foreign data.</b> Foreign bytes or another Redis type under our names are a miss and are overwritten. A record of a newer format is a
/// miss too. A value generated here doesn't overwrite it; a set or removal does, with a newer token. Of each there is one warning.
/// </para>
/// <para>
/// Thread-safe. If the server answers and refuses an operation (no memory, a replica, no permission …), a <see
/// cref="StoreRefusedException"/> is thrown. Other errors of Redis are thrown as they are: <see cref="RedisException"/>, <see
/// cref="TimeoutException"/>, and <see cref="IOException"/> without a connection. All operations can be repeated. A replica that takes over
/// may have lost the last changes; then the answers name a new epoch.
/// </para>
/// <para>
/// <b>Late operations.</b> Without a connection every operation fails at once: no command waits in this process. A command that was sent to
/// a hanging server and given up is still done when the server continues. A late read or check changes nothing. A late claim is found by
/// its node, which releases it. A late commit counts only under its live claim, and a late release ends only its own claim.
/// </para>
/// <para>
/// A late set or removal is the first try of a change that is pending by now. Its repeat has the same operation id, which gets one answer
/// for 10 seconds: the one that arrives first is done, and the other changes nothing. A repeat loses to what was accepted since the change
/// was asked for (<see cref="WriteRequest.AskedAgo"/>). A first try can't tell how long it was on its way. If only this node's connection
/// stalls and the first try is done before its repeat, it wins over what another node set in between, although that came later. All nodes
/// end on the same value even then.
/// </para>
/// </remarks>
public sealed partial class RedisStore : IExternalStore, IReturnsAtOnce
{
    private readonly RedisCalls _calls;
    private readonly RedisNames _names;
    private readonly string? _cacheName;
    private readonly ConcurrentDictionary<string, RedisStore> _partitions = new(StringComparer.Ordinal);

    /// <summary>Creates a store on a connection, which is not disposed here.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="keyPrefix">The prefix of all Redis keys. Farms with different prefixes can share a Redis.</param>
    /// <param name="logger">Logs what was found under our names and can't be read; null: nothing is logged.</param>
    public RedisStore(IConnectionMultiplexer connection, string keyPrefix = "arc", ILogger<RedisStore>? logger = null)
        : this(new RedisConnection(NotNull(connection)), keyPrefix, logger)
    {
    }

    internal RedisStore(RedisConnection connection, string keyPrefix, ILogger? logger, RedisScripts? scripts = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyPrefix);
        _names = new RedisNames(keyPrefix, "");
        _calls = new RedisCalls(connection, _names.Epoch, scripts ?? RedisScripts.Default, logger ?? NullLogger.Instance);
    }

    private RedisStore(RedisCalls calls, RedisNames names, string cacheName)
    {
        _calls = calls;
        _names = names;
        _cacheName = cacheName;
    }

    /// <inheritdoc/>
    public bool StoresObjects => false;

    /// <inheritdoc/>
    public IExternalStore ForCache(string cacheName)
    {
        ArgumentNullException.ThrowIfNull(cacheName);
        return _partitions.GetOrAdd(cacheName, static (name, whole) => new RedisStore(whole._calls, whole._names.ForCache(name), name),
            this);
    }

    /// <inheritdoc/>
    public async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var names = _names.Of(request.Key);
        var (reply, epoch) = await _calls.CallAsync(
            _calls.Scripts.Read, request.Key, [names.State, names.Value], [], cancellationToken).ConfigureAwait(false);
        return new ReadAnswer { Epoch = epoch, Record = RedisAnswers.Record(reply, 2) };
    }

    /// <inheritdoc/>
    public async ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        RedisValue[] values =
        [
            request.Owner,
            RedisAnswers.Micros(request.Lease),
            (int)request.Reason,
            request.ObservedToken,
            request.AwaitedToken,
            RedisAnswers.Micros(request.ActiveFor),
            request.StealFrom is { } owner ? "=" + owner : "",
        ];
        var (reply, epoch) = await CallAsync(_calls.Scripts.Claim, request, values, cancellationToken, isLetEnd: true)
            .ConfigureAwait(false);
        return RedisAnswers.Claim(reply, epoch);
    }

    /// <inheritdoc/>
    public async ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        RedisValue[] values =
        [
            request.Token,
            request.OnlyIfUncontended ? 1 : 0,
            RedisAnswers.Micros(request.Backoff),
            RedisAnswers.Micros(request.DueBackoff),
            .. request.Failure is { } failure ? (RedisValue[])[failure.Type, failure.Message] : [],
        ];
        var (reply, epoch) = await CallAsync(_calls.Scripts.Release, request, values, cancellationToken).ConfigureAwait(false);
        return new ReleaseAnswer { Epoch = epoch, Released = RedisAnswers.Text(reply[2]) == "1" };
    }

    /// <inheritdoc/>
    public async ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        RedisValue[] values =
        [
            request.ObservedToken, request.IsRetry ? 1 : 0, RedisAnswers.Micros(request.AskedAgo), .. Epoch(request.Schedule),
            Bytes(request, request.Payload),
        ];
        var (reply, epoch) = await CallAsync(_calls.Scripts.Write, request, values, cancellationToken).ConfigureAwait(false);
        return RedisAnswers.Change(reply, epoch);
    }

    /// <inheritdoc/>
    public async ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        RedisValue[] values =
        [
            request.ObservedToken,
            request.IsRetry ? 1 : 0,
            RedisAnswers.Micros(request.AskedAgo),
            RedisAnswers.Micros(request.TombstoneFor),
        ];
        var (reply, epoch) = await CallAsync(_calls.Scripts.Invalidate, request, values, cancellationToken).ConfigureAwait(false);
        return RedisAnswers.Change(reply, epoch);
    }

    private static IConnectionMultiplexer NotNull(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection;
    }

    private static RedisValue[] Epoch(StoreSchedule schedule) =>
    [
        RedisAnswers.Micros(schedule.FreshFor),
        schedule.Interval is { } interval ? RedisAnswers.Micros(interval) : 0,
        RedisAnswers.Micros(schedule.MinimumForward),
        RedisAnswers.Micros(schedule.ActiveFor),
    ];

    private static RedisValue Bytes(StoreRequest request, CachePayload payload)
    {
        if (payload.Bytes is not { } bytes)
            throw new ArgumentException($"The value of '{request.Key}' is not serialized, and Redis keeps bytes only.", nameof(request));
        return MemoryMarshal.TryGetArray(bytes, out var segment) && segment.Array!.Length == segment.Count
            ? segment.Array
            : bytes.ToArray();
    }

    private ValueTask<(RedisResult[] Reply, string Epoch)> CallAsync(
        RedisScript script, MutationRequest request, RedisValue[] values, CancellationToken cancellationToken, bool isLetEnd = false)
    {
        var names = _names.Of(request.Key);
        return _calls.CallAsync(
            script, request.Key, [names.State, names.Value, names.Operation(request.Operation)], values, cancellationToken, isLetEnd);
    }
}
