using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Actors;

/// <summary>
/// Watches a cache's actors on this node. If one ends while the node is in the cluster (stopped by its supervisor or by other code), the
/// node would be cut off without notice. So it is started again, and the cache reports again what it holds and waits for.
/// </summary>
/// <remarks>The delay between failed tries grows. A crash after which a supervisor restarts the actor is not handled here.</remarks>
internal sealed class ClusterHandleKeeper : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(30);

    /// <summary>After this time without another end, the delay is reset.</summary>
    private static readonly TimeSpan s_forgiven = TimeSpan.FromMinutes(1);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ClusterNode _node;
    private readonly ClusterHandleStart _start;
    private readonly HashSet<IActorRef> _ended = [];
    private TimeSpan _delay = s_firstDelay;
    private long _lastAt;
    private bool _isStarting;

    public ClusterHandleKeeper(ClusterNode node, ClusterHandleStart start)
    {
        _node = node;
        _start = start;
        Receive<Terminated>(OnEnded);
        Receive<TryAgain>(_ => Mend());
        Receive<RegionStarted>(started => OnRegion(started.Region));
        Receive<RegionFailed>(failed => OnFailed(failed.Reason));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>Whether ended actors are replaced: the node neither leaves nor has left.</summary>
    private bool IsNeeded => _node is { HasEnded: false, HasLeft: false }
        && CoordinatedShutdown.Get(Context.System).ShutdownReason is null
        && !Cluster.Get(Context.System).IsTerminated;

    /// <summary>Creates its props.</summary>
    /// <param name="node">The cache's node, opened.</param>
    /// <param name="start">Starts the actors.</param>
    public static Props Props(ClusterNode node, ClusterHandleStart start) =>
        Akka.Actor.Props.Create(() => new ClusterHandleKeeper(node, start));

    protected override void PreStart()
    {
        if (_node.Handle is not { } handle)
            return;
        foreach (var actor in (IActorRef[])[handle.Region, handle.Mediator, handle.Store, handle.Partitions, handle.Agent, _node.Watch!])
            Context.Watch(actor);
    }

    private void OnEnded(Terminated ended)
    {
        _ended.Add(ended.ActorRef);
        if (_lastAt != 0 && _node.Time.GetElapsedTime(_lastAt) > s_forgiven)
            _delay = s_firstDelay;
        _lastAt = _node.Time.GetTimestamp();
        TrySoon();
    }

    private void TrySoon()
    {
        if (_isStarting || Timers.IsTimerActive(nameof(TryAgain)))
            return;
        Timers.StartSingleTimer(nameof(TryAgain), TryAgain.Instance, _delay);
        _delay = _delay * 2 < s_longestDelay ? _delay * 2 : s_longestDelay;
    }

    private void Mend()
    {
        if (!IsNeeded || _node.Handle is not { } handle)
            return;
        try
        {
            StartMissing(handle);
        }
        catch (Exception e)
        {
            OnFailed(e);
        }
    }

    /// <summary>Starts what is missing. The region, which takes longest, comes last.</summary>
    private void StartMissing(ClusterHandle handle)
    {
        if (_node.Watch is { } watch && _ended.Contains(watch))
            Take(watch, _node.Watch = _start.Watch(), "the watch of other nodes");
        if (_ended.Contains(handle.Store))
        {
            var store = _start.Store();
            handle = Open(handle with { Store = store }, handle.Store, store, "the actor before the store");
        }

        if (_ended.Contains(handle.Partitions))
        {
            var parts = _start.Partitions(handle.Region);
            handle = Open(handle with { Partitions = parts }, handle.Partitions, parts, "the actor that asks the shards");
        }

        if (_ended.Contains(handle.Mediator))
        {
            var mediator = CachePubSub.Replace(Context.System, handle.Mediator);
            handle.Agent.Tell(new MediatorReplaced(mediator));
            handle = Open(handle with { Mediator = mediator }, handle.Mediator, mediator, "the mediator of notifications");
        }

        if (_ended.Contains(handle.Agent))
        {
            var agent = _start.Agent(handle.Region, instead: handle.Agent);
            handle = Open(handle with { Agent = agent }, handle.Agent, agent, "the agent");
        }

        if (!_ended.Contains(handle.Region))
            return;
        _isStarting = true;
        _start.RegionAsync().PipeTo(Self, success: region => new RegionStarted(region), failure: e => new RegionFailed(e));
    }

    private void OnRegion(IActorRef region)
    {
        _isStarting = false;
        if (!IsNeeded || _node.Handle is not { } handle)
            return;
        if (_ended.Contains(region))
        {
            // Sharding has not noticed its end yet.
            TrySoon();
            return;
        }

        handle.Partitions.Tell(new RegionReplaced(region));
        handle.Agent.Tell(new RegionReplaced(region));
        Open(handle with { Region = region }, handle.Region, region, "the shard region");
        if (_ended.Count > 0)
            TrySoon();
    }

    private void OnFailed(Exception reason)
    {
        _isStarting = false;
        if (!IsNeeded)
            return;

        // The first try may come before the ended actor's name is free, and no try succeeds while the actor system ends.
        if (_delay > s_firstDelay * 4)
            _log.Warning(reason, "Cache '{0}': an actor that has ended can't be started again yet.", _node.CacheName);
        TrySoon();
    }

    private ClusterHandle Open(ClusterHandle handle, IActorRef ended, IActorRef started, string what)
    {
        Take(ended, started, what);
        _node.Open(handle);
        return handle;
    }

    private void Take(IActorRef ended, IActorRef started, string what)
    {
        _ended.Remove(ended);
        Context.Watch(started);
        _log.Warning("Cache '{0}': {1} has ended while this node is in the cluster, and was started again.", _node.CacheName, what);
    }

    private sealed class TryAgain : INoSerializationVerificationNeeded
    {
        public static readonly TryAgain Instance = new();
    }

    private sealed record RegionStarted(IActorRef Region) : INoSerializationVerificationNeeded;

    private sealed record RegionFailed(Exception Reason) : INoSerializationVerificationNeeded;
}

/// <summary>The shard region has ended and was replaced.</summary>
internal sealed record RegionReplaced(IActorRef Region) : INoSerializationVerificationNeeded;

/// <summary>The mediator of notifications has ended and was replaced.</summary>
internal sealed record MediatorReplaced(IActorRef Mediator) : INoSerializationVerificationNeeded;
