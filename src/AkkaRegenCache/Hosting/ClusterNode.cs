using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using AkkaRegenCache.Actors;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// A cache's connection to the cluster: its notification bus, its link to the coordinators and its store decorator. It exists before the
/// actor system does and outlives it. Without one, or while this node is not a member, nothing is sent, and the cache works without
/// coordinators. Thread-safe.
/// </summary>
internal sealed class ClusterNode : INotificationBus, ICoordinatorLink, IStoreDecorator, IReturnsAtOnce
{
    /// <summary>How long shards may have no home after a node has died.</summary>
    private static readonly TimeSpan s_homeless = TimeSpan.FromSeconds(15);

    /// <summary>How long a starting entity waits for an announced handoff.</summary>
    private static readonly TimeSpan s_announcementHolds = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Action<object>> _attached = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, (long Incarnation, long At)> _handOvers = new();
    private readonly ConcurrentDictionary<string, IActorRef> _peers = new(StringComparer.Ordinal);
    private readonly bool[] _talkedTo;
    private ImmutableArray<Action<CacheNotification>> _handlers = [];
    private volatile ClusterHandle? _handle;
    private volatile bool _isUp;
    private volatile bool _hasLeft;
    private volatile LinkEnded? _ended;
    private InMemoryStore? _own;
    private bool _hasStore;
    private int _agentStarts;
    private long _peerLostAt;

    public ClusterNode(string cacheName, RegenClusterOptions options, TimeProvider? time = null)
    {
        options.Validate(cacheName);
        CacheName = cacheName;
        Options = options;
        Time = time ?? TimeProvider.System;
        _talkedTo = new bool[options.Shards];
        Topic = ClusterNames.Topic(cacheName);
        RecordBound = new StoreBound(options.MaximumRecords,
            options.MaximumRecordBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);
    }

    /// <summary>Whether the application is about to end: then a drained cache stays drained. Set before the actors start.</summary>
    public Func<bool> IsEnding { get; set; } = static () => false;

    public string CacheName { get; }

    public string Topic { get; }

    public RegenClusterOptions Options { get; }

    public TimeProvider Time { get; }

    /// <summary>The shared bound of the shards' records on this node.</summary>
    public StoreBound RecordBound { get; }

    /// <summary>
    /// Returns the cache for requests through its agent, and creates it if it was not used yet. Set before the agent starts.
    /// </summary>
    public Func<RegenCache>? FindCache { get; set; }

    /// <summary>The failure detector of other nodes. Set before the first message of another node can arrive.</summary>
    public IActorRef? Watch { get; set; }

    /// <summary>The other nodes that were heard and are not believed dead, with their agents.</summary>
    public IEnumerable<KeyValuePair<string, IActorRef>> Peers => _peers;

    /// <summary>The actors; null: there are none yet, or none any more.</summary>
    public ClusterHandle? Handle => _handle;

    /// <summary>Whether this node is a member of the cluster, and has not left.</summary>
    public bool IsUp => _isUp && !_hasLeft && !HasEnded;

    /// <summary>Whether the cache has left because the node is about to.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>Whether this node has left the cluster, was downed or has lost its actor system: it will not be a member again.</summary>
    public bool HasEnded => _ended is not null;

    /// <summary>The cache's own store after the cluster has ended for it, if the cluster was its store; null before.</summary>
    public InMemoryStore? Own => !HasEnded ? null : LazyInitializer.EnsureInitialized(
        ref _own, () => new InMemoryStore(Time, storesObjects: false, Options.MaximumRecords, Options.MaximumRecordBytes));

    /// <inheritdoc/>
    public int Shards => Options.Shards;

    /// <inheritdoc/>
    public int ShardOf(string key) => StableHash.ShardOf(key, Options.Shards);

    /// <inheritdoc/>
    public IExternalStore Before(IExternalStore? chosen)
    {
        _hasStore = chosen is not null;
        return new StoreActorStore(ForeignStore.Around(chosen ?? new ClusterStore(this)), this);
    }

    /// <summary>
    /// The cache's notification bus: the cluster and, if the store carries notifications and they are enabled, the store.
    /// </summary>
    /// <param name="outside">The store's notifications; null: it carries none.</param>
    public INotificationBus NotificationsWith(INotificationBus? outside) =>
        outside is null || !Options.UseStoreNotifications ? this : new FarmNotifications(this, outside, () => IsUp, Time);

    /// <inheritdoc/>
    public ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        ArgumentNullException.ThrowIfNull(notification);

        // A hint that can't be delivered is not a failure.
        if (_handle is { } handle && _isUp)
            handle.Mediator.Tell(new Publish(Topic, new ToNode(WireLimits.Fit(notification))), handle.Agent);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ImmutableInterlocked.Update(ref _handlers, static (all, h) => all.Add(h), handler);
        return new Ending(() => ImmutableInterlocked.Update(ref _handlers, static (all, h) => all.Remove(h), handler));
    }

    /// <inheritdoc/>
    public void Send(int shard, ToCoordinator message)
    {
        if (Own is { } own && message is RecordsRecovered kept)
            own.Restore(kept.Records);
        if (_handle is not { } handle || !IsUp)
            return;
        _talkedTo[shard] = true;
        foreach (var part in WireLimits.Split(message))
            handle.Region.Tell(new ToShard(shard, part), handle.Agent);
    }

    /// <inheritdoc/>
    public IDisposable Attach(string nodeId, Action<object> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _attached[nodeId] = handler;

        // The cache may be used for the first time after the cluster has ended for it.
        if (_ended is { } ended && !IsEnding())
            handler(ended);
        return new Ending(() => _attached.TryRemove(nodeId, out _));
    }

    /// <summary>The actors were started or replaced. The agent may already have found that this node is a member.</summary>
    public void Open(ClusterHandle handle)
    {
        _handle = handle;

        // The node may end meanwhile, on another thread.
        if (HasEnded)
            _handle = null;
        else if (IsUp)
            Deliver(LinkRestored.Instance);
    }

    /// <summary>
    /// This node is out of the cluster for good. Unless the application ends with it, the cache goes on without the cluster. Only the first
    /// call counts.
    /// </summary>
    /// <param name="why">What has happened, for a log message.</param>
    public void End(string why)
    {
        var ended = new LinkEnded(why, _hasStore);
        if (Interlocked.CompareExchange(ref _ended, ended, null) is not null)
            return;
        _isUp = false;
        var handle = _handle;
        _handle = null;

        // No shard answers any more: calls of their stores must fail at once.
        if (handle is not null)
            handle.System.Stop(handle.Partitions);
        if (!IsEnding())
            Deliver(ended);
    }

    /// <summary>This node has become a member: the coordinators can be told what it holds.</summary>
    public void OnUp()
    {
        _isUp = true;
        Deliver(LinkRestored.Instance);
    }

    /// <summary>Whether it is the agent's first start; otherwise earlier messages were lost.</summary>
    public bool IsFirstAgent() => Interlocked.Increment(ref _agentStarts) == 1;

    /// <summary>A node was heard through its agent. The end of another node will be noticed.</summary>
    /// <returns>Whether the node was unknown.</returns>
    public bool See(string nodeId, IActorRef agent)
    {
        if (agent is IInternalActorRef { IsLocal: true } || (_peers.TryGetValue(nodeId, out var known) && known.Equals(agent)))
            return false;
        _peers[nodeId] = agent;
        Watch?.Tell(new PeerSeen(agent));
        return true;
    }

    /// <summary>The caches on this node: one, once it was created.</summary>
    public IEnumerable<string> NodeIds => _attached.Keys;

    /// <summary>Whether a node was believed dead recently, so that shards may have no home.</summary>
    public bool HasLostPeerLately => Volatile.Read(ref _peerLostAt) is not 0 and var at && Time.GetElapsedTime(at) < s_homeless;

    /// <summary>A node is believed dead.</summary>
    public void Forget(string nodeId)
    {
        _peers.TryRemove(nodeId, out _);
        Volatile.Write(ref _peerLostAt, Time.GetTimestamp());
    }

    /// <summary>Passes a notification to the cache.</summary>
    public void Deliver(CacheNotification notification)
    {
        foreach (var handler in _handlers)
            handler(notification);
    }

    /// <summary>Passes a coordinator's message or a suspected node to the cache.</summary>
    public void Deliver(object message)
    {
        foreach (var (_, handler) in _attached)
            handler(message);
    }

    /// <summary>Tells the coordinators that this node does not regenerate any more.</summary>
    public void SayGoodbye()
    {
        foreach (var (nodeId, _) in _attached)
        {
            for (var shard = 0; shard < _talkedTo.Length; shard++)
            {
                if (_talkedTo[shard])
                    Send(shard, new NodeLeaving { Node = nodeId });
            }
        }
    }

    /// <summary>
    /// The cache has left: no messages are sent to the shards any more, which are handed off now. Messages that their region buffers for
    /// shards without a home would keep the last node of a cluster from ending.
    /// </summary>
    public void Leave()
    {
        _hasLeft = true;

        // Downed while it was leaving: the drained cache goes on all the same.
        if (_ended is { } ended && !IsEnding())
            Deliver(ended);
    }

    /// <summary>A handoff of a shard's records is under way to its next entity, which may start here.</summary>
    public void Expect(HandoffAnnounced announced)
    {
        if ((uint)announced.Shard < (uint)Shards)
            _handOvers[announced.Shard] = (announced.Incarnation, Time.GetTimestamp());
    }

    /// <summary>The incarnation for whose records a starting entity may wait; null: none.</summary>
    public long? TakeExpected(int shard) =>
        _handOvers.TryRemove(shard, out var expected) && Time.GetElapsedTime(expected.At) < s_announcementHolds
            ? expected.Incarnation
            : null;

    private sealed class Ending(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
