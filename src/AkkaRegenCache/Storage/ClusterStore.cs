using Akka.Actor;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The store of a cluster without an external one: the entity of each shard arbitrates its keys, with the records in its memory. Each shard
/// is a partition. One that has lost its node begins a new epoch, and the others are not affected.
/// </summary>
/// <remarks>
/// It promises less than an external store: records are lost with the node of their shard (a node that leaves gracefully hands them over),
/// and in a partition of the network each side may accept one result. Values are stored as bytes.
/// </remarks>
internal sealed class ClusterStore : IExternalStore, IReturnsAtOnce
{
    private readonly ClusterNode _node;
    private readonly PartitionGuard[] _guards;

    public ClusterStore(ClusterNode node)
    {
        _node = node;
        _guards = new PartitionGuard[node.Shards];
        for (var i = 0; i < _guards.Length; i++)
            _guards[i] = new PartitionGuard(node.Time, () => node.HasLostPeerLately);
    }

    public bool StoresObjects => false;

    public int Partitions => _guards.Length;

    public int PartitionOf(string key) => _node.ShardOf(key);

    // The region already belongs to one cache.
    public IExternalStore ForCache(string cacheName) => this;

    public async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return (ReadAnswer)await AskAsync(new PartitionCall(PartitionOf(request.Key), request), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return (ClaimAnswer)await AskAsync(new PartitionCall(PartitionOf(request.Key), request), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return await ChangeAsync(request, request.Payload.Bytes, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return (ReleaseAnswer)await AskAsync(new PartitionCall(PartitionOf(request.Key), request), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return await ChangeAsync(request, request.Payload.Bytes, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return (ChangeAnswer)await AskAsync(new PartitionCall(PartitionOf(request.Key), request), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claims);
        var answers = await AskInBatchesAsync<HeldClaim, RenewAnswer>(
            claims, c => c.Key, list => new RenewBatch(list, lease), cancellationToken).ConfigureAwait(false);
        return answers is [var only]
            ? only
            : new RenewAnswer { Epoch = answers[0].Epoch, Outcomes = [.. answers.SelectMany(a => a.Outcomes)] };
    }

    public async ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(activities);
        var answers = await AskInBatchesAsync<KeyActivity, TouchAnswer>(
            activities, a => a.Key, list => new TouchBatch(list), cancellationToken).ConfigureAwait(false);
        return answers[^1];
    }

    public async ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var answers = await AskInBatchesAsync<string, CheckAnswer>(keys, k => k, list => new CheckBatch(list), cancellationToken)
            .ConfigureAwait(false);
        return answers is [var only] ? only : new CheckAnswer { Epoch = answers[0].Epoch, Checks = [.. answers.SelectMany(a => a.Checks)] };
    }

    private async Task<ChangeAnswer> ChangeAsync(MutationRequest request, ReadOnlyMemory<byte>? payload,
        CancellationToken cancellationToken)
    {
        if (payload is null)
            throw new ArgumentException("A value without its bytes can't be stored in the cluster.", nameof(request));
        return (ChangeAnswer)await AskAsync(new PartitionCall(PartitionOf(request.Key), request, payload), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Sends a batch, whose keys are all of one partition, in messages that fit into a frame.</summary>
    private async Task<IReadOnlyList<TAnswer>> AskInBatchesAsync<TItem, TAnswer>(
        IReadOnlyList<TItem> items, Func<TItem, string> keyOf, Func<IReadOnlyList<TItem>, object> batch,
        CancellationToken cancellationToken)
        where TAnswer : StoreAnswer
    {
        var part = items.Count == 0 ? 0 : PartitionOf(keyOf(items[0]));
        if (items.Any(item => PartitionOf(keyOf(item)) != part))
            throw new ArgumentException("A batch must have keys of one partition of the store only.", nameof(items));
        var answers = new List<TAnswer>();
        IReadOnlyList<IReadOnlyList<TItem>> stretches = items.Count == 0
            ? [items]
            : [.. WireLimits.Split(items, item => WireLimits.SizeOf(keyOf(item)))];
        foreach (var stretch in stretches)
            answers.Add((TAnswer)await AskAsync(new PartitionCall(part, batch(stretch)), cancellationToken).ConfigureAwait(false));
        return answers.TrueForAll(a => a.Epoch == answers[0].Epoch)
            ? answers
            : throw new InvalidOperationException("The partition of the store began a new epoch between two messages of one batch.");
    }

    private async Task<StoreAnswer> AskAsync(PartitionCall call, CancellationToken cancellationToken)
    {
        if (_node.Handle is not { } handle || !_node.IsUp)
            throw new InvalidOperationException("This node is not a member of the cluster yet, or not any more.");
        var guard = _guards[call.Shard];
        if (!guard.MayAsk())
            throw new StoreRefusedException($"Shard {call.Shard} of cache '{_node.CacheName}' has no home at the moment.");
        handle.Partitions.Tell(call, ActorRefs.NoSender);
        try
        {
            var answer = await call.Answer.WaitAsync(cancellationToken).ConfigureAwait(false);
            guard.OnAnswer();
            return answer;
        }
        catch (OperationCanceledException)
        {
            guard.OnTimeout();
            if (call.Request is ClaimRequest { Lease: var lease } && await IsAnsweredAsync(call, lease).ConfigureAwait(false))
                return await call.Answer.ConfigureAwait(false);
            handle.Partitions.Tell(new PartitionCallAbandoned(call), ActorRefs.NoSender);
            throw;
        }
    }

    /// <summary>Waits for a late answer: a granted claim that the node does not know would block its key.</summary>
    private async Task<bool> IsAnsweredAsync(PartitionCall call, TimeSpan lease)
    {
        await ((Task)call.Answer).WaitAsync(lease, _node.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return call.Answer.IsCompletedSuccessfully;
    }
}
