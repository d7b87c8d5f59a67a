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
/// A cache's place in the cluster, as the cache sees it: its notification bus, its way to the coordinators and what stands before its store. It is there
/// before the actor system is and outlives it; without one, or while this node is no member, nothing is sent, and the cache gets on without. Thread-safe.
/// </summary>
internal sealed class ClusterNode : INotificationBus, ICoordinatorLink, IStoreDecorator, IReturnsAtOnce
{
    /// <summary>For how long shards may have no home after a node has died.</summary>
    private static readonly TimeSpan s_homeless = TimeSpan.FromSeconds(15);

    /// <summary>For how long an announced hand-over is waited for by an entity that starts.</summary>
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
        RecordBound = new StoreBound(options.MaximumRecords, options.MaximumRecordBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);
    }

    /// <summary>Whether the application is about to end: then the cache that was drained stays so. Set before the actors start.</summary>
    public Func<bool> IsEnding { get; set; } = static () => false;

    public string CacheName { get; }

    public string Topic { get; }

    public RegenClusterOptions Options { get; }

    public TimeProvider Time { get; }

    /// <summary>What the shards that live here may hold together.</summary>
    public StoreBound RecordBound { get; }

    /// <summary>Finds the cache, for those who ask it through its agent; makes it, where nobody has used it yet. Set before the agent starts.</summary>
    public Func<RegenCache>? FindCache { get; set; }

    /// <summary>Notices when another node has died. Set before anything of another node can be heard.</summary>
    public IActorRef? Watch { get; set; }

    /// <summary>The other nodes that have said something, with their agents, but for those believed dead.</summary>
    public IEnumerable<KeyValuePair<string, IActorRef>> Peers => _peers;

    /// <summary>What it has in the actor system; null: there is none, or none any more.</summary>
    public ClusterHandle? Handle => _handle;

    /// <summary>Whether this node is a member of the cluster, and has not left.</summary>
    public bool IsUp => _isUp && !_hasLeft && !HasEnded;

    /// <summary>Whether the cache has left, while the node is about to.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>Whether this node has left the cluster, was downed or has lost its actor system: it is never a member again.</summary>
    public bool HasEnded => _ended is not null;

    /// <summary>The store of a cache that had the cluster's, from its end on; null before.</summary>
    public InMemoryStore? Own => HasEnded ? LazyInitializer.EnsureInitialized(ref _own, () => new InMemoryStore(Time, storesObjects: false, Options.MaximumRecords, Options.MaximumRecordBytes)) : null;

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

    /// <summary>What the cache sends and hears through: the cluster and, where the store carries notifications and it is wanted, the store.</summary>
    /// <param name="outside">The store's notifications; null: it carries none.</param>
    public INotificationBus NotificationsWith(INotificationBus? outside) =>
        outside is null || !Options.UseStoreNotifications ? this : new FarmNotifications(this, outside, () => IsUp, Time);

    /// <inheritdoc/>
    public ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        ArgumentNullException.ThrowIfNull(notification);

        // A hint that nobody can hear is no failure.
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

        // The first use of the cache may come when all is over.
        if (_ended is { } ended && !IsEnding())
            handler(ended);
        return new Ending(() => _attached.TryRemove(nodeId, out _));
    }

    /// <summary>The actors are there, or others in their place. The agent may have found already that this node is a member.</summary>
    public void Open(ClusterHandle handle)
    {
        _handle = handle;

        // The end may come meanwhile, from another thread.
        if (HasEnded)
            _handle = null;
        else if (IsUp)
            Deliver(LinkRestored.Instance);
    }

    /// <summary>
    /// This node is out of the cluster for good, in whatever way. Unless the application ends with it, the cache goes on without. Calls after the first do
    /// nothing.
    /// </summary>
    /// <param name="why">What has happened, for people.</param>
    public void End(string why)
    {
        var ended = new LinkEnded(why, _hasStore);
        if (Interlocked.CompareExchange(ref _ended, ended, null) is not null)
            return;
        _isUp = false;
        var handle = _handle;
        _handle = null;

        // No shard answers any more: what is asked of them fails at once.
        if (handle is not null)
            handle.System.Stop(handle.Partitions);
        if (!IsEnding())
            Deliver(ended);
    }

    /// <summary>This node has become a member: now the coordinators can be told what it holds.</summary>
    public void OnUp()
    {
        _isUp = true;
        Deliver(LinkRestored.Instance);
    }

    /// <summary>Whether it is the agent's first start; else what it had was lost.</summary>
    public bool IsFirstAgent() => Interlocked.Increment(ref _agentStarts) == 1;

    /// <summary>A node has said something through its agent; if it is another one, its end will be noticed.</summary>
    /// <returns>Whether it was not known.</returns>
    public bool See(string nodeId, IActorRef agent)
    {
        if (agent is IInternalActorRef { IsLocal: true } || (_peers.TryGetValue(nodeId, out var known) && known.Equals(agent)))
            return false;
        _peers[nodeId] = agent;
        Watch?.Tell(new PeerSeen(agent));
        return true;
    }

    /// <summary>The caches that are there on this node: one, as a rule, once it is made.</summary>
    public IEnumerable<string> NodeIds => _attached.Keys;

    /// <summary>Whether a node was believed dead lately, whose shards may have no home.</summary>
    public bool HasLostPeerLately => Volatile.Read(ref _peerLostAt) is not 0 and var at && Time.GetElapsedTime(at) < s_homeless;

    /// <summary>A node is believed dead.</summary>
    public void Forget(string nodeId)
    {
        _peers.TryRemove(nodeId, out _);
        Volatile.Write(ref _peerLostAt, Time.GetTimestamp());
    }

    /// <summary>Hands the cache what the bus brought.</summary>
    public void Deliver(CacheNotification notification)
    {
        foreach (var handler in _handlers)
            handler(notification);
    }

    /// <summary>Hands the cache what a coordinator says, and who is believed dead.</summary>
    public void Deliver(object message)
    {
        foreach (var (_, handler) in _attached)
            handler(message);
    }

    /// <summary>Tells the coordinators that this node regenerates nothing any more.</summary>
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
    /// The cache has left: nothing goes to the shards any more, which are handed off now. What their region held for shards without a home would keep the
    /// last node of a cluster from ending.
    /// </summary>
    public void Leave()
    {
        _hasLeft = true;

        // Downed while it was leaving: what was drained after that goes on all the same.
        if (_ended is { } ended && !IsEnding())
            Deliver(ended);
    }

    /// <summary>Records of a shard are on their way to its next entity, which may be here.</summary>
    public void Expect(HandoffAnnounced announced)
    {
        if ((uint)announced.Shard < (uint)Shards)
            _handOvers[announced.Shard] = (announced.Incarnation, Time.GetTimestamp());
    }

    /// <summary>Which incarnation's records an entity that starts here may wait for; null: nobody's.</summary>
    public long? TakeExpected(int shard) =>
        _handOvers.TryRemove(shard, out var expected) && Time.GetElapsedTime(expected.At) < s_announcementHolds ? expected.Incarnation : null;

    private sealed class Ending(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
