using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Actors;

/// <summary>
/// A shard's only entity in the cluster: the coordinator of its keys and, in a cluster without an external store, the store of their
/// records. It only feeds two machines with messages and time.
/// </summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    /// <summary>The longest that requests wait for the handoff of the previous entity's records.</summary>
    private static readonly TimeSpan s_handOverWait = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_sweepEvery = TimeSpan.FromSeconds(10);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CoordinatorOutbox _outbox = new();
    private readonly Dictionary<string, IActorRef> _agents = new(StringComparer.Ordinal);
    private readonly ClusterNode _node;
    private readonly TimeProvider _time;
    private readonly int _shard;
    private readonly long _start;
    private readonly long _startTicks;
    private readonly ShardStore _store;
    private CoordinatorShard _machine = null!;

    public CoordinatorActor(ClusterNode node, int shard)
    {
        _node = node;
        _shard = shard;
        _time = node.Options.ShardTime ?? node.Time;
        _start = _time.GetTimestamp();
        _startTicks = _time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        var self = Self;
        _store = new ShardStore(() => StoreNow, (to, body) => to.Tell(new ToNode(body), self), OnFailed, node.RecordBound);
        Receive<ToShard>(OnMessage);
        Receive<Tick>(tick => Feed(tick));
        Receive<PeerLost>(OnLost);
        Receive<WaitEnds>(_ => OnWaitEnds());
        Receive<Sweep>(_ => _store.Sweep());
        Receive<StopShard>(_ => OnStop());
        ReceiveAny(_ => { });
    }

    /// <summary>The most keys whose schedule all shards of a cache keep together.</summary>
    private const int MostKeys = 2_000_000;

    public ITimerScheduler Timers { get; set; } = null!;

    private long Now => _time.GetElapsedTime(_start).Ticks;

    // The wall clock gives the start and the monotonic one the rest: a clock that is set back must not turn tokens back.
    private long StoreNow => _startTicks + Now;

    public static Props Props(ClusterNode node, int shard) => Akka.Actor.Props.Create(() => new CoordinatorActor(node, shard));

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(PeerLost));
        Timers.StartPeriodicTimer(nameof(Sweep), Sweep.Instance, s_sweepEvery);
        var expected = _node.TakeExpected(_shard);
        if (expected is not null)
        {
            _store.Wait();
            Timers.StartSingleTimer(nameof(WaitEnds), WaitEnds.Instance, s_handOverWait);
        }

        Begin(expected ?? 0);
    }

    protected override void PreRestart(Exception reason, object message)
    {
        _log.Error(reason, "Shard {0} of cache '{1}' crashed at a {2} and begins again.", _shard, _node.CacheName,
            (message as ToShard)?.Body.GetType().Name);
        base.PreRestart(reason, message);
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        _store.Leave();
    }

    /// <summary>Begins a new incarnation of the coordinator, without state; it asks for a resync.</summary>
    private void Begin(long notBefore)
    {
        var micros = (_time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond;
        var settings = new CoordinatorSettings
        {
            Shard = _shard,
            Incarnation = Math.Max(micros, notBefore + 1),
            MaximumKeys = Math.Max(1000, MostKeys / _node.Options.Shards),
        };
        _machine = _node.Options.MakeCoordinator(settings, new Random());
        Self.Tell(Tick.Instance, ActorRefs.NoSender);
    }

    private void OnMessage(ToShard message)
    {
        try
        {
            Serve(message);
        }
        catch (Exception e)
        {
            OnFailed(e, message.Body);
        }
    }

    private void OnFailed(Exception reason, object body) => _log.Error(
        reason, "Shard {0} of cache '{1}' failed at a {2}, which is ignored; the shard goes on.", _shard, _node.CacheName,
        body.GetType().Name);

    private void Serve(ToShard message)
    {
        switch (message.Body)
        {
            case RecordsRecovered kept:
                _store.Restore(kept);
                break;
            case ToCoordinator told:
                Remember(told.Node, Sender);
                Feed(told);
                break;
            case HandoffPart part:
                OnHandoff(part);
                break;
            case ShardPing or UnknownMessage:
                break;
            default:
                _store.Handle(message.Body, Sender);
                break;
        }
    }

    private void Remember(string nodeId, IActorRef agent)
    {
        if (_agents.TryGetValue(nodeId, out var known) && known.Equals(agent))
            return;
        _agents[nodeId] = agent;
        _node.See(nodeId, agent);
    }

    /// <summary>A node is believed dead. The next message from it ends the suspicion.</summary>
    private void OnLost(PeerLost lost)
    {
        if (lost.Of != _node)
            return;
        _agents.Remove(lost.NodeId);
        Feed(new NodeDown(lost.NodeId));
    }

    private void Feed(object message)
    {
        try
        {
            _machine.On(message, Now, _outbox);
            for (var i = 0; i < _outbox.Count; i++)
                Tell(_outbox[i].Node, _outbox[i].Message);
            SetTimer();
        }
        catch (Exception e)
        {
            // The coordinator's state may be wrong, but it is only hints: a new incarnation asks for them. The store beside it goes on.
            _log.Error(
                e, "The coordinator of shard {0} of cache '{1}' failed at a {2}; a new incarnation begins.", _shard, _node.CacheName,
                message.GetType().Name);
            Begin(_machine.Incarnation);
        }
        finally
        {
            _outbox.Clear();
        }
    }

    private void Tell(string? nodeId, FromCoordinator message)
    {
        if (nodeId is null)
            CachePubSub.MediatorOf(Context.System).Tell(new Publish(_node.Topic, new ToNode(message)));
        else if (_agents.TryGetValue(nodeId, out var agent))
            agent.Tell(new ToNode(message));
    }

    private void SetTimer()
    {
        var at = _machine.NextDeadline;
        if (at == long.MaxValue)
        {
            Timers.Cancel(nameof(Tick));
            return;
        }

        Timers.StartSingleTimer(nameof(Tick), Tick.Instance, TimeSpan.FromTicks(Math.Clamp(at - Now, 0, TimeSpan.TicksPerHour)));
    }

    private void OnHandoff(HandoffPart part)
    {
        try
        {
            if (_store.Take(part))
            {
                Timers.Cancel(nameof(WaitEnds));
                _log.Info("Shard {0} of cache '{1}' goes on with {2} keys of the node that left it.", _shard, _node.CacheName,
                    _store.Count);
            }
            else if (_store.IsWaiting && !Timers.IsTimerActive(nameof(WaitEnds)))
            {
                Timers.StartSingleTimer(nameof(WaitEnds), WaitEnds.Instance, s_handOverWait);
            }
        }
        catch (Exception e)
        {
            _log.Error(e, "Shard {0} of cache '{1}': what was handed over can't be read; it begins again.", _shard, _node.CacheName);
            _store.EndWait();
        }
    }

    private void OnWaitEnds()
    {
        if (!_store.IsWaiting)
            return;
        _log.Warning("Shard {0} of cache '{1}': the records of the entity before have not come in time; it begins again.", _shard,
            _node.CacheName);
        _store.EndWait();
    }

    /// <summary>
    /// The shard moves: the next entity is told, and gets the records through the region, which buffers them until the entity runs.
    /// </summary>
    private void OnStop()
    {
        if (_store.IsInUse && HasHeir() && _node.Handle is { } handle)
        {
            var announced = new ToNode(new HandoffAnnounced(_shard, _machine.Incarnation));
            handle.Mediator.Tell(new Publish(_node.Topic, announced));
            foreach (var agent in _agents.Values)
                agent.Tell(announced);
            foreach (var part in _store.Export(_machine.Incarnation))
                handle.Region.Tell(new ToShard(_shard, part), ActorRefs.NoSender);
        }

        Context.Stop(Self);
    }

    /// <summary>Whether another node can host the shard. Messages without a receiver would only keep the last node from ending.</summary>
    private bool HasHeir()
    {
        var cluster = Cluster.Get(Context.System);
        var state = cluster.State;
        return state.Members.Any(member => member.Status == MemberStatus.Up && member.UniqueAddress != cluster.SelfUniqueAddress
            && !state.Unreachable.Contains(member) && (_node.Options.Role is not { } role || member.HasRole(role)));
    }

    private sealed class WaitEnds : INoSerializationVerificationNeeded
    {
        public static readonly WaitEnds Instance = new();
    }

    private sealed class Sweep : INoSerializationVerificationNeeded
    {
        public static readonly Sweep Instance = new();
    }
}

/// <summary>The shard is handed off: its entity must end.</summary>
internal sealed class StopShard : INoSerializationVerificationNeeded
{
    public static readonly StopShard Instance = new();

    private StopShard()
    {
    }
}
