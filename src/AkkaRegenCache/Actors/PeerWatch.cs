using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Actors;

/// <summary>
/// Notices for a cache on this node that another node has died, and tells the cache and the coordinators that live here.
/// </summary>
/// <remarks>
/// A node is believed dead when its agent has terminated, when the cluster finds it unreachable or removes it, and a quarter of a second after the connection
/// to it has broken, which the operating system tells of a killed process within milliseconds, and its agent doesn't answer. A wrong belief costs a second run,
/// never a wrong value.
/// </remarks>
internal sealed class PeerWatch : ReceiveActor, IWithTimers
{
    /// <summary>How soon a node whose connection has broken must show that it lives.</summary>
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromMilliseconds(250);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ClusterNode _node;

    public PeerWatch(ClusterNode node)
    {
        _node = node;
        Receive<PeerSeen>(seen => Context.Watch(seen.Agent));
        Receive<Terminated>(terminated => OnLost(agent => agent.Equals(terminated.ActorRef), "its agent has ended"));
        Receive<ClusterEvent.UnreachableMember>(unreachable => OnLost(unreachable.Member.Address, "the cluster finds it unreachable"));
        Receive<ClusterEvent.MemberRemoved>(removed => OnRemoved(removed.Member));
        Receive<DisassociatedEvent>(broken => OnBroken(broken.RemoteAddress));
        Receive<AssociationErrorEvent>(broken => OnBroken(broken.RemoteAddress));
        Receive<ActorIdentity>(OnAlive);
        Receive<Suspected>(suspected => OnLost(agent => agent.Equals(suspected.Agent), "the connection to it has broken, and it doesn't answer"));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterNode node) => Akka.Actor.Props.Create(() => new PeerWatch(node));

    protected override void PreStart()
    {
        _cluster.Subscribe(
            Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.MemberRemoved));
        if (_node.Options.SuspectOnBrokenConnection)
        {
            Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
            Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        }

        foreach (var (_, agent) in _node.Peers)
            Context.Watch(agent);
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        _cluster.Unsubscribe(Self);
    }

    /// <summary>Its process has ended. One that has begun anew at the same address is another member, and lives.</summary>
    private void OnRemoved(Member removed)
    {
        if (!_cluster.State.Members.Any(m => m.Address == removed.Address && m.UniqueAddress != removed.UniqueAddress))
            OnLost(removed.Address, "the cluster has removed it");
    }

    /// <summary>
    /// A connection has broken: its process is dead, or one of two connections to the same process was one too many, or this is news of the process before
    /// it at the same address. Whoever answers lives; whoever doesn't is believed dead.
    /// </summary>
    private void OnBroken(Address address)
    {
        foreach (var agent in _node.Peers.Select(peer => peer.Value).Where(agent => agent.Path.Address == address).Distinct())
        {
            var name = SuspicionOf(agent);
            if (Timers.IsTimerActive(name))
                continue;
            Timers.StartSingleTimer(name, new Suspected(agent), s_answersWithin);
            agent.Tell(new Identify(name));
        }
    }

    private void OnAlive(ActorIdentity alive)
    {
        // What can't be delivered comes back as the identity of nobody.
        if (!alive.Subject.IsNobody() && alive.MessageId is string name)
            Timers.Cancel(name);
    }

    private static string SuspicionOf(IActorRef agent) => $"suspected {agent.Path.ToSerializationFormat()}";

    private void OnLost(Address address, string why)
    {
        if (address != _cluster.SelfAddress)
            OnLost(agent => agent.Path.Address == address, why);
    }

    private void OnLost(Func<IActorRef, bool> isLost, string why)
    {
        foreach (var (nodeId, agent) in _node.Peers.Where(peer => isLost(peer.Value)).ToArray())
        {
            // Forgotten: the next thing it says takes the suspicion back.
            Context.Unwatch(agent);
            _node.Forget(nodeId);
            _log.Info("Cache '{0}' takes node {1} for dead: {2}.", _node.CacheName, nodeId, why);
            _node.Deliver(new NodeDown(nodeId));
            Context.System.EventStream.Publish(new PeerLost(_node, nodeId));
        }
    }

    /// <summary>A node's connection has broken, and its agent hasn't answered since.</summary>
    private sealed record Suspected(IActorRef Agent) : INoSerializationVerificationNeeded;
}

/// <summary>A node has said something, for the first time or after it was believed dead.</summary>
internal sealed record PeerSeen(IActorRef Agent) : INoSerializationVerificationNeeded;

/// <summary>A node is believed dead.</summary>
internal sealed record PeerLost(ClusterNode Of, string NodeId) : INoSerializationVerificationNeeded;
