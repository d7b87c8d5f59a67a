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
/// never a wrong value. It is taken back with the next thing that the node says; but that may have been said before, and come late. So a node that is heard
/// while the cluster doesn't reach it must answer too, or is believed dead again.
/// </remarks>
internal sealed class PeerFailureDetector : ReceiveActor, IWithTimers
{
    /// <summary>How soon a node whose connection has broken must show that it lives.</summary>
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest it is given when it is heard again and again and never answers: it can be heard, and doesn't hear.</summary>
    private static readonly TimeSpan s_answersWithinAtMost = TimeSpan.FromSeconds(16);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ClusterNode _node;

    /// <summary>How long those have to answer that were heard while the cluster didn't reach them.</summary>
    private readonly Dictionary<Address, TimeSpan> _doubted = [];

    public PeerFailureDetector(ClusterNode node)
    {
        _node = node;
        Receive<PeerSeen>(OnSeen);
        Receive<Terminated>(terminated => OnLost(agent => agent.Equals(terminated.ActorRef), "its agent has ended"));
        Receive<ClusterEvent.UnreachableMember>(unreachable => OnLost(unreachable.Member.Address, "the cluster finds it unreachable"));
        Receive<ClusterEvent.ReachableMember>(reachable => _doubted.Remove(reachable.Member.Address));
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
        var answersWithin = _doubted.GetValueOrDefault(address, s_answersWithin);
        if (Suspect(seen.Agent, answersWithin, "the cluster doesn't reach it, and it doesn't answer"))
            _doubted[address] = answersWithin * 2 < s_answersWithinAtMost ? answersWithin * 2 : s_answersWithinAtMost;
    }

    /// <summary>Its process has ended. One that has begun again at the same address is another member, and lives.</summary>
    private void OnRemoved(Member removed)
    {
        _doubted.Remove(removed.Address);
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
            Suspect(agent, s_answersWithin, "the connection to it has broken, and it doesn't answer");
    }

    /// <summary>Believes a node dead that doesn't answer in time. False: it is being asked already.</summary>
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

    /// <summary>A node's agent was asked whether it lives, and hasn't answered since.</summary>
    private sealed record Suspected(IActorRef Agent, string Why) : INoSerializationVerificationNeeded;
}

/// <summary>A node has said something, for the first time or after it was believed dead.</summary>
internal sealed record PeerSeen(IActorRef Agent) : INoSerializationVerificationNeeded;

/// <summary>A node is believed dead.</summary>
internal sealed record PeerLost(ClusterNode Of, string NodeId) : INoSerializationVerificationNeeded;
