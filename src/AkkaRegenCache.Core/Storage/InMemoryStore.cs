using System.Collections.Concurrent;

namespace AkkaRegenCache.Storage;

/// <summary>
/// An external store in this process's memory: the default of a single process, and the reference for every other store. Several caches
/// may share one instance; they are then a farm in one process.
/// </summary>
/// <remarks>
/// Thread-safe. Keeps the values' objects without serializing them (give <c>storesObjects: false</c> to have them serialized as for a
/// remote store). Holds a record until its lifetime ends or there is no room; then records that were not asked for lately are evicted, with
/// their schedules. Nodes go on with the values in their memory, as with any store that evicts.
/// </remarks>
public sealed class InMemoryStore : IExternalStore, IReturnsAtOnce
{
    private static readonly TimeSpan s_operationsKept = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, InMemoryStore> _partitions = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly StoreMachine _machine;
    private readonly TimeProvider _time;
    private readonly long _startTicks;
    private readonly long _startStamp;
    private readonly StoreBound _bound;
    private readonly TimeSpan _operationsKept;

    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">The store's clock; null: the system's.</param>
    /// <param name="storesObjects">Whether it keeps objects; false: the caches that use it serialize.</param>
    /// <param name="maximumRecords">The most values it keeps, of all its caches.</param>
    /// <param name="maximumBytes">
    /// The most bytes of them, keys included; null: not bounded. An object whose size is not known counts as 64.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is below 1.</exception>
    public InMemoryStore(TimeProvider? timeProvider = null, bool storesObjects = true, long maximumRecords = 1_000_000,
        long? maximumBytes = null)
        : this(timeProvider, storesObjects, Bound(maximumRecords, maximumBytes), s_operationsKept)
    {
    }

    private InMemoryStore(TimeProvider? timeProvider, bool storesObjects, StoreBound bound, TimeSpan operationsKept)
    {
        _bound = bound;
        _operationsKept = operationsKept;
        _time = timeProvider ?? TimeProvider.System;
        StoresObjects = storesObjects;
        _startTicks = _time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        _startStamp = _time.GetTimestamp();
        _machine = new StoreMachine(Guid.NewGuid().ToString("N"), operationsKept, storesObjects, bound);
    }

    /// <summary>
    /// The store of a cache that has no other store and does not share it. Every call is answered before it returns, so no answer can be
    /// lost and none is remembered for a repeat.
    /// </summary>
    internal static InMemoryStore ForOneCache(TimeProvider timeProvider, long maximumRecords, long? maximumBytes) =>
        new(timeProvider, storesObjects: true, Bound(maximumRecords, maximumBytes), TimeSpan.Zero);

    /// <inheritdoc/>
    public bool StoresObjects { get; }

    /// <summary>The number of keys with any state, including expired state that is not purged yet.</summary>
    public int Count
    {
        get
        {
            int own;
            lock (_gate)
                own = _machine.Count;
            return own + _partitions.Values.Sum(part => part.Count);
        }
    }

    /// <inheritdoc/>
    public IExternalStore ForCache(string cacheName) =>
        _partitions.GetOrAdd(cacheName,
            static (_, whole) => new InMemoryStore(whole._time, whole.StoresObjects, whole._bound, whole._operationsKept), this);

    /// <summary>For the store of one cache: what the cache shows is evicted last.</summary>
    internal void KeepWhile(Func<string, bool> isShown)
    {
        lock (_gate)
            _machine.IsShown = isShown;
    }

    private static StoreBound Bound(long records, long? bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(records, 1, "maximumRecords");
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes ?? 1, 1, "maximumBytes");
        return new StoreBound(records, bytes ?? long.MaxValue);
    }

    /// <summary>Takes back records of another store that a cache still shows, unless the key was claimed or changed here.</summary>
    internal void Restore(IEnumerable<Protocol.RecoveryRecord> kept)
    {
        lock (_gate)
        {
            foreach (var record in kept)
            {
                if (record.Payload is { } payload)
                    _machine.Restore(record, payload, Now);
            }
        }
    }

    // The wall clock gives the start and the monotonic one the rest: a clock that is set back must not turn tokens back.
    private long Now => _startTicks + _time.GetElapsedTime(_startStamp).Ticks;

    /// <inheritdoc/>
    public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
            return new(_machine.Read(request, Now));
    }

    /// <inheritdoc/>
    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
            return new(_machine.Claim(request, Now));
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
        lock (_gate)
            return new(_machine.Commit(request, Now));
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
        lock (_gate)
            return new(_machine.Write(request, Now));
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
            return new(_machine.Invalidate(request, Now));
    }

    /// <inheritdoc/>
    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(activities);
        lock (_gate)
            return new(_machine.Touch(activities, Now));
    }

    /// <inheritdoc/>
    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        lock (_gate)
            return new(_machine.Check(keys, Now));
    }
}
