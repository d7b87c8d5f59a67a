using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaRegenCache.Storage;

/// <summary>
/// An external store over any <see cref="IDistributedCache"/>. Values live there, claims live in this process: <b>it arbitrates within this
/// process only</b>, because a distributed cache can't compare and set.
/// </summary>
/// <remarks>
/// <para>
/// <b>What is shared.</b> Every value and tombstone is in the distributed cache with its token, its end, its due time and its activity,
/// under <c>arc:{cache name}:{key}</c>. Another process, or this one after a restart, finds a fresh value and does not generate it. Each
/// operation that decides on a key reads the record first. So changes of other processes count: they end a claim held here, and are newer
/// than it.
/// </para>
/// <para>
/// <b>What is not.</b> Claims, leases, failures, backoffs and remembered operations belong to this process. So does the activity reported
/// by <see cref="TouchAsync"/>, until the next value is stored. If a key comes due in several processes at the same moment, each of them
/// may run a generator, once per interval. Fencing holds against the claims of this process, and against others as far as the read before
/// each write shows them: two processes that read at the same moment both write, and the later write stays. If it has the lower token, the
/// process that knows the higher one treats the key as missing (or stores its tombstone again), and all processes find a newer value once
/// it is made. A change that returned can be undone in that window only. A farm that can't accept this needs a store that arbitrates.
/// </para>
/// <para>
/// <b>Clocks.</b> There is no clock of the store: lives are written as UTC by the writer's clock, so the clocks of all nodes should agree
/// to well within the expiry tolerance. Within a process, leases run by its monotonic clock.
/// </para>
/// <para>
/// <b>What isn't ours.</b> Foreign bytes under a key count as no value and are overwritten. So does a record in a newer format for reading,
/// but a value generated here never overwrites it: it is kept in this process's memory instead. An explicit set or removal does, with a
/// newer token. Of each there is one warning per cache.
/// </para>
/// <para>
/// Thread-safe. Calls on one key run one after the other, those on different keys don't wait for each other. A failing call of the
/// distributed cache is the operation's exception and changes nothing; the operation can be repeated. Per known key a few hundred bytes
/// are held in memory, never the value.
/// </para>
/// </remarks>
public sealed partial class DistributedCacheStore : IExternalStore
{
    // Tokens come from UTC and from the records in the distributed cache, so they compare across processes and restarts.
    private const string Epoch = "distributed-cache";

    private const int ChecksAtOnce = 16;

    private static readonly TimeSpan s_operationsKept = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_defaultCallTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, DistributedCacheStore> _partitions = new(StringComparer.Ordinal);
    private readonly IDistributedCache _cache;
    private readonly DistributedRecordCache _records;
    private readonly TimeProvider _time;
    private readonly TimeSpan _callTimeout;
    private readonly ILogger _logger;
    private readonly string _path;
    private readonly Lock _gate = new();
    private readonly StoreMachine _machine = new(Epoch, s_operationsKept, storesObjects: false);
    private readonly KeyLocks _locks = new();
    private readonly long _writer = Random.Shared.NextInt64(1, long.MaxValue);
    private readonly long _startTicks;
    private readonly long _startStamp;

    /// <summary>Creates a store.</summary>
    /// <param name="cache">Where the values live.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <param name="logger">Logs records that can't be read; null: they are not logged.</param>
    /// <param name="callTimeout">
    /// The longest a call of the distributed cache may take before its key is served again; null: 10 seconds. A cache that ignores
    /// cancellation may do late what was given up.
    /// </param>
    public DistributedCacheStore(
        IDistributedCache cache,
        TimeProvider? timeProvider = null,
        ILogger<DistributedCacheStore>? logger = null,
        TimeSpan? callTimeout = null)
        : this(cache, timeProvider ?? TimeProvider.System, (ILogger?)logger ?? NullLogger.Instance, callTimeout ?? s_defaultCallTimeout, "")
    {
    }

    private DistributedCacheStore(IDistributedCache cache, TimeProvider time, ILogger logger, TimeSpan callTimeout, string path)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(callTimeout, TimeSpan.Zero);
        _cache = cache;
        _time = time;
        _logger = logger;
        _callTimeout = callTimeout;
        _path = path;
        _records = new DistributedRecordCache(cache, time, callTimeout);
        _startTicks = time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        _startStamp = time.GetTimestamp();
    }

    /// <inheritdoc/>
    public bool StoresObjects => false;

    /// <summary>The number of keys in use, for tests that check that nothing is left over.</summary>
    internal int KeysInUse => _locks.Count;

    /// <summary>The number of known keys.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
                return _machine.Count;
        }
    }

    // By the monotonic clock: a wall clock that is set back must not prolong leases or turn tokens back.
    private long Now => _startTicks + _time.GetElapsedTime(_startStamp).Ticks;

    /// <inheritdoc/>
    public IExternalStore ForCache(string cacheName)
    {
        ArgumentException.ThrowIfNullOrEmpty(cacheName);
        return _partitions.GetOrAdd(
            cacheName,
            static (name, whole) =>
            {
                var path = whole._path.Length == 0 ? Escape(name) : $"{whole._path}/{Escape(name)}";
                return new DistributedCacheStore(whole._cache, whole._time, whole._logger, whole._callTimeout, path);
            },
            this);
    }

    /// <inheritdoc/>
    public async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var held = await _locks.EnterAsync(request.Key, cancellationToken).ConfigureAwait(false);
        var found = await LookAsync(request.Key, whole: true, cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            var answer = _machine.Read(request, Now);
            return new ReadAnswer { Epoch = Epoch, Record = WithValue(answer.Record, found) };
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var held = await _locks.EnterAsync(request.Key, cancellationToken).ConfigureAwait(false);
        if (Recall(request) is ClaimAnswer first)
            return first;

        // A scheduled claim is mostly granted, and then the old value is not needed.
        for (var whole = request.Reason != ClaimReason.Due; ; whole = true)
        {
            var found = await LookAsync(request.Key, whole, cancellationToken).ConfigureAwait(false);
            ClaimAnswer answer;
            lock (_gate)
                answer = _machine.Claim(request, Now);
            if (answer.Record?.Payload is null)
                return answer;
            if (whole || !ReferenceEquals(answer.Record.Payload, StoreSlot.ExternalValue))
                return new ClaimAnswer { Epoch = Epoch, Outcome = answer.Outcome, Record = WithValue(answer.Record, found) };
        }
    }

    /// <inheritdoc/>
    public ValueTask<RenewAnswer> RenewAsync(
        IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claims);
        lock (_gate)
            return new(_machine.Renew(claims, lease, Now));
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ChangeAsync(request, request.Payload, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
            return new(_machine.Release(request, Now));
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ChangeAsync(request, request.Payload, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ChangeAsync(request, null, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(activities);

        // Not written to the distributed cache: rewriting a value for its activity could overwrite a newer one of another process.
        lock (_gate)
            return new(_machine.Touch(activities, Now));
    }

    /// <inheritdoc/>
    public async ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var checks = new TokenCheck[keys.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = ChecksAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, checks.Length, options, async (i, ending) =>
        {
            using var held = await _locks.EnterAsync(keys[i], ending).ConfigureAwait(false);
            await LookAsync(keys[i], whole: false, ending).ConfigureAwait(false);
            lock (_gate)
                checks[i] = _machine.Check([keys[i]], Now).Checks[0];
        }).ConfigureAwait(false);
        return new CheckAnswer { Epoch = Epoch, Checks = checks };
    }

    private static string Escape(string name) =>
        name.Replace("%", "%25", StringComparison.Ordinal)
            .Replace(":", "%3A", StringComparison.Ordinal)
            .Replace("/", "%2F", StringComparison.Ordinal);

    private string NameOf(string key) => $"arc:{_path}:{key}";

    private StoreAnswer? Recall(MutationRequest request)
    {
        lock (_gate)
            return _machine.Recall(request.Operation);
    }
}
