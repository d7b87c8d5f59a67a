using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Actors;

/// <summary>
/// The failure detector of a cache on this node: notices that another node has died, and tells the cache and the coordinators on this node.
/// </summary>
/// <remarks>
/// A node is believed dead when its agent has terminated, when the cluster finds it unreachable or removes it, or when the connection to it
/// broke and its agent does not answer within a quarter of a second. (The operating system reports the connection of a killed process
/// within milliseconds.) A wrong suspicion costs a second run, never a wrong value. The next message from the node ends it; but that
/// message may have been sent before and arrive late. So a node that is heard while the cluster can't reach it must answer too, or it is
/// believed dead again.
/// </remarks>
internal sealed class PeerFailureDetector : ReceiveActor, IWithTimers
{
    /// <summary>How soon a node whose connection broke must answer.</summary>
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// The longest timeout of a node that is heard again and again but never answers: messages reach this node, but not that one.
    /// </summary>
    private static readonly TimeSpan s_answersWithinAtMost = TimeSpan.FromSeconds(16);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ClusterNode _node;

    /// <summary>The timeouts of nodes that were heard while the cluster could not reach them.</summary>
    private readonly Dictionary<Address, TimeSpan> _answerTimeouts = [];

    public PeerFailureDetector(ClusterNode node)
    {
        _node = node;
        Receive<PeerSeen>(OnSeen);
        Receive<Terminated>(terminated => OnLost(agent => agent.Equals(terminated.ActorRef), "its agent has ended"));
        Receive<ClusterEvent.UnreachableMember>(unreachable => OnLost(unreachable.Member.Address, "the cluster finds it unreachable"));
        Receive<ClusterEvent.ReachableMember>(reachable => _answerTimeouts.Remove(reachable.Member.Address));
        Receive<ClusterEvent.MemberRemoved>(removed => OnRemoved(removed.Member));
        Receive<DisassociatedEvent>(broken => OnBroken(broken.RemoteAddress));
        Receive<AssociationErrorEvent>(broken => OnBroken(broken.RemoteAddress));
        Receive<ActorIdentity>(OnAlive);
        Receive<Suspected>(suspected => OnLost(agent => agent.Equals(suspected.Agent), suspected.Why));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterNode node) => Akka.Actor.Props.Create(() => new PeerFailureDetector(node));

    protected override void PreStart()
    {
        _cluster.Subscribe(
            Self,
            ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.UnreachableMember),
            typeof(ClusterEvent.ReachableMember),
            typeof(ClusterEvent.MemberRemoved));
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

    private void OnSeen(PeerSeen seen)
    {
        Context.Watch(seen.Agent);
        var address = seen.Agent.Path.Address;
        if (!_cluster.State.Unreachable.Any(m => m.Address == address))
            return;
        var answersWithin = _answerTimeouts.GetValueOrDefault(address, s_answersWithin);
        if (Suspect(seen.Agent, answersWithin, "the cluster doesn't reach it, and it doesn't answer"))
            _answerTimeouts[address] = answersWithin * 2 < s_answersWithinAtMost ? answersWithin * 2 : s_answersWithinAtMost;
    }

    /// <summary>The process has ended. A process that started again at the same address is a new, living member.</summary>
    private void OnRemoved(Member removed)
    {
        _answerTimeouts.Remove(removed.Address);
        if (!_cluster.State.Members.Any(m => m.Address == removed.Address && m.UniqueAddress != removed.UniqueAddress))
            OnLost(removed.Address, "the cluster has removed it");
    }

    /// <summary>
    /// A connection broke. Its process is dead, or one of two connections to the same process was redundant, or the event is about a
    /// previous process at the same address. A node that answers is alive; one that does not is believed dead.
    /// </summary>
    private void OnBroken(Address address)
    {
        foreach (var agent in _node.Peers.Select(peer => peer.Value).Where(agent => agent.Path.Address == address).Distinct())
            Suspect(agent, s_answersWithin, "the connection to it has broken, and it doesn't answer");
    }

    /// <summary>Asks a node's agent and believes the node dead if it does not answer in time. False: it is being asked already.</summary>
    private bool Suspect(IActorRef agent, TimeSpan answersWithin, string why)
    {
        var name = SuspicionOf(agent);
        if (Timers.IsTimerActive(name))
            return false;
        Timers.StartSingleTimer(name, new Suspected(agent, why), answersWithin);
        agent.Tell(new Identify(name));
        return true;
    }

    private void OnAlive(ActorIdentity alive)
    {
        // An undeliverable request is answered with an empty identity.
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
            // The next message from the node ends the suspicion.
            Context.Unwatch(agent);
            _node.Forget(nodeId);
            _log.Info("Cache '{0}' takes node {1} for dead: {2}.", _node.CacheName, nodeId, why);
            _node.Deliver(new NodeDown(nodeId));
            Context.System.EventStream.Publish(new PeerLost(_node, nodeId));
        }
    }

    /// <summary>A node's agent was asked and has not answered in time.</summary>
    private sealed record Suspected(IActorRef Agent, string Why) : INoSerializationVerificationNeeded;
}

/// <summary>A node was heard for the first time, or after it was believed dead.</summary>
internal sealed record PeerSeen(IActorRef Agent) : INoSerializationVerificationNeeded;

/// <summary>A node is believed dead.</summary>
internal sealed record PeerLost(ClusterNode Of, string NodeId) : INoSerializationVerificationNeeded;
