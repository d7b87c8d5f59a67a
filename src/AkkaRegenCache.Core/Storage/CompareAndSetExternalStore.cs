using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaRegenCache.Storage;

/// <summary>
/// An external store over anything that can compare and set one document per key: <see cref="ICompareAndSetStore"/>. It arbitrates for the
/// whole farm, with the rules of the in-memory store.
/// </summary>
/// <remarks>
/// <para>
/// <b>How.</b> An operation reads the key's document and decides in memory at the store's time. If something changed, it writes the
/// document back, provided that it is still the one that was read; otherwise it begins again, at most <see cref="Attempts"/> times. The
/// document holds the value, its token and schedule, the claim, the last failure, and the answers of the last ten seconds. So a repeated
/// operation gets its first answer, whatever was lost on the way. A claim that finds a fresh value writes nothing. Operations of one
/// process on one key are serialized; others don't wait for each other.
/// </para>
/// <para>
/// <b>Time.</b> The store's clock, if its answers contain it: then no node's clock counts. Otherwise the nodes' clocks in UTC. A document
/// holds durations and the time at which it was written. For a clock that is behind that time, no time has passed.
/// </para>
/// <para>
/// <b>What is lost.</b> If a document is evicted or deleted early, its key is unknown again: its claim's commit is superseded. Tokens go up
/// all the same, because they come from the clock. The epoch is a document of its own, read at most once a second. If it is lost, a new
/// epoch begins, and the nodes compare their entries. An operator who restores an older state of the store must delete the documents of the
/// epochs (<c>arc:{cache}:epoch:…</c>), too.
/// </para>
/// <para>
/// <b>Foreign data.</b> A document of another application counts as missing and is overwritten, with one warning. A document of a newer
/// version is left alone: operations on its key are refused, and nodes of this version generate the value for themselves, with one warning.
/// </para>
/// <para>Thread-safe. It keeps no state of the keys in memory.</para>
/// </remarks>
public sealed partial class CompareAndSetExternalStore : IExternalStore
{
    /// <summary>The longest name of a document.</summary>
    public const int MaximumNameLength = DocumentNames.MaximumLength;

    /// <summary>How often an operation begins again at most, when others changed the document between its read and its write.</summary>
    public const int Attempts = 16;

    private const int KeysAtOnce = 16;
    private const int NamesAtOnce = 64;

    private static readonly TimeSpan s_operationsKept = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_defaultCallTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, CompareAndSetExternalStore> _partitions = new(StringComparer.Ordinal);
    private readonly ICompareAndSetStore _documents;
    private readonly TimeProvider _time;
    private readonly TimeSpan _callTimeout;
    private readonly ILogger _logger;
    private readonly string _path;
    private readonly KeyLocks _locks = new();

    /// <summary>Creates a store.</summary>
    /// <param name="documents">Keeps the documents.</param>
    /// <param name="timeProvider">Measures waits. Also the clock, if the documents' store has none. Null: the system's.</param>
    /// <param name="logger">Logs documents that can't be read; null: they are not logged.</param>
    /// <param name="callTimeout">The longest a call of the documents' store may take; null: 10 seconds.</param>
    public CompareAndSetExternalStore(
        ICompareAndSetStore documents,
        TimeProvider? timeProvider = null,
        ILogger<CompareAndSetExternalStore>? logger = null,
        TimeSpan? callTimeout = null)
        : this(
            documents,
            timeProvider ?? TimeProvider.System,
            (ILogger?)logger ?? NullLogger.Instance,
            callTimeout ?? s_defaultCallTimeout,
            path: "")
    {
    }

    private CompareAndSetExternalStore(ICompareAndSetStore documents, TimeProvider time, ILogger logger, TimeSpan callTimeout, string path)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(callTimeout, TimeSpan.Zero);
        _documents = documents;
        _time = time;
        _logger = logger;
        _callTimeout = callTimeout;
        _path = path;
    }

    /// <inheritdoc/>
    public bool StoresObjects => false;

    /// <summary>The number of keys in use, for tests that check that nothing is left over.</summary>
    internal int KeysInUse => _locks.Count;

    /// <inheritdoc/>
    public IExternalStore ForCache(string cacheName)
    {
        ArgumentException.ThrowIfNullOrEmpty(cacheName);
        return _partitions.GetOrAdd(
            cacheName,
            static (name, whole) =>
            {
                var path = whole._path.Length == 0 ? name : $"{whole._path}\n{name}";
                return new CompareAndSetExternalStore(whole._documents, whole._time, whole._logger, whole._callTimeout, path);
            },
            this);
    }

    /// <inheritdoc/>
    public async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var opened = await OpenAsync(request.Key, cancellationToken).ConfigureAwait(false);
        return opened.Machine.Read(request, opened.Now);
    }

    /// <inheritdoc/>
    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);

        // Once decided, the write is sent even if the caller leaves: a claim that no node knows would block its key.
        return RunAsync(request.Key, (machine, now) => machine.Claim(request, now), 0, cancellationToken, CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask<RenewAnswer> RenewAsync(
        IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claims);
        var outcomes = new RenewOutcome[claims.Count];
        Array.Fill(outcomes, RenewOutcome.Unknown);
        var epoch = await EachAsync(claims.Count, async (i, ending) =>
        {
            var claim = claims[i];
            var answer = await RunAsync(claim.Key, (machine, now) => machine.Renew([claim], lease, now), 0, ending).ConfigureAwait(false);
            outcomes[i] = answer.Outcomes[0];
        }, cancellationToken).ConfigureAwait(false);
        return new RenewAnswer { Epoch = epoch, Outcomes = outcomes };
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return RunAsync(request.Key, (machine, now) => machine.Commit(request, now), LengthOf(request.Payload, request), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return RunAsync(request.Key, (machine, now) => machine.Release(request, now), 0, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return RunAsync(request.Key, (machine, now) => machine.Write(request, now), LengthOf(request.Payload, request), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return RunAsync(request.Key, (machine, now) => machine.Invalidate(request, now), 0, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(activities);
        var epoch = await EachAsync(activities.Count, async (i, ending) =>
            await RunAsync(activities[i].Key, (machine, now) => machine.Touch([activities[i]], now), 0, ending).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        return new TouchAnswer { Epoch = epoch };
    }

    /// <inheritdoc/>
    public async ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var checks = new TokenCheck[keys.Count];
        Array.Fill(checks, TokenCheck.Unknown);
        var epoch = await EachAsync((keys.Count + NamesAtOnce - 1) / NamesAtOnce, async (i, ending) =>
        {
            var some = keys.Skip(i * NamesAtOnce).Take(NamesAtOnce).ToList();
            await CheckAsync(some, checks.AsMemory(i * NamesAtOnce, some.Count), ending).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
        return new CheckAnswer { Epoch = epoch, Checks = checks };
    }

    private static int LengthOf(CachePayload payload, MutationRequest request) => payload.Bytes?.Length ?? throw new ArgumentException(
        $"The value of '{request.Key}' is not serialized, and documents are of bytes.", nameof(request));

    /// <summary>
    /// Does an operation for each of many items, a few at a time. Failed items stay unknown. If all fail, the first failure is the call's.
    /// </summary>
    /// <returns>The current epoch: a node also probes the store with this.</returns>
    private async ValueTask<string> EachAsync(int count, Func<int, CancellationToken, ValueTask> one, CancellationToken cancellationToken)
    {
        var epoch = await EpochAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
        var done = 0;
        Exception? failure = null;
        var options = new ParallelOptions { MaxDegreeOfParallelism = KeysAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, count, options, async (i, ending) =>
        {
            try
            {
                await one(i, ending).ConfigureAwait(false);
                Interlocked.Increment(ref done);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
        }).ConfigureAwait(false);
        if (failure is not null && done == 0)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        return epoch;
    }
}
