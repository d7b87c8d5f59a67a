using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Remote;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Actors;

/// <summary>
/// Connects a cache on this node with the cluster: it publishes notifications, and passes notifications and coordinators' messages to the
/// cache's own loop, which makes all decisions. It keeps the shards running, and answers requests to the cache by message. It has no state
/// that a crash could lose: the next incarnation subscribes again and makes the cache report again what it holds and waits for.
/// </summary>
internal sealed class NodeAgentActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan s_restoreAfter = TimeSpan.FromMilliseconds(100);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ClusterNode _node;
    private IActorRef _region;
    private readonly HashSet<Address> _broken = [];

    public NodeAgentActor(ClusterNode node, IActorRef region)
    {
        _node = node;
        _region = region;
        Receive<CacheRequest>(OnRequest);
        Receive<ToNode>(message => OnMessage(message.Body));
        Receive<RegionReplaced>(replaced =>
        {
            _region = replaced.Region;
            Ping();
        });
        Receive<MediatorReplaced>(replaced => replaced.Mediator.Tell(new Subscribe(_node.Topic, Self)));
        Receive<UnknownMessage>(_ => { });
        Receive<SubscribeAck>(_ => { });
        Receive<ClusterEvent.MemberUp>(up => OnUp(up.Member));

        // A removed member does not return. A process at the same address is a new member.
        Receive<ClusterEvent.MemberRemoved>(removed => _broken.Remove(removed.Member.Address));
        Receive<DisassociatedEvent>(broken => _broken.Add(broken.RemoteAddress));
        Receive<AssociatedEvent>(OnAssociated);
        Receive<Restored>(_ => _node.Deliver(LinkRestored.Instance));
        Receive<KeepAlive>(_ => Ping());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterNode node, IActorRef region) => Akka.Actor.Props.Create(() => new NodeAgentActor(node, region));

    protected override void PreStart()
    {
        CachePubSub.MediatorOf(Context.System).Tell(new Subscribe(_node.Topic, Self));
        Cluster.Get(Context.System).Subscribe(
            Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberUp),
            typeof(ClusterEvent.MemberRemoved));
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociatedEvent));
        Timers.StartPeriodicTimer(nameof(KeepAlive), KeepAlive.Instance, _node.Options.KeepAliveInterval);
        if (!_node.IsFirstAgent())
            _node.Deliver(LinkRestored.Instance);
    }

    protected override void PreRestart(Exception reason, object message)
    {
        _log.Error(reason, "The agent of cache '{0}' crashed at a {1}; it says again what this node holds and awaits.", _node.CacheName,
            message?.GetType().Name);
        base.PreRestart(reason, message!);
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        Cluster.Get(Context.System).Unsubscribe(Self);
    }

    private void OnMessage(object body)
    {
        switch (body)
        {
            case CacheNotification notification:
                _node.See(notification.Publisher, Sender);
                _node.Deliver(notification);
                break;
            case FromCoordinator message:
                _node.Deliver(message);
                break;
            case NodeHello hello:
                // A new node does not know this one yet.
                if (_node.See(hello.Node, Sender) && !hello.IsAnswer)
                {
                    foreach (var id in _node.NodeIds)
                        Sender.Tell(new ToNode(new NodeHello(id, IsAnswer: true)), Self);
                }

                break;
            case HandoffAnnounced announced:
                _node.Expect(announced);
                break;
        }
    }

    /// <summary>
    /// The cache does the work and the waiting, so this actor is free at once. A hit is answered before the next message.
    /// </summary>
    private void OnRequest(CacheRequest request)
    {
        var answer = request.AnswerAsync(_node);
        if (answer.IsCompletedSuccessfully)
            Sender.Tell(answer.Result, Self);
        else
            answer.AsTask().PipeTo(Sender, Self);
    }

    private void OnUp(Member member)
    {
        if (member.UniqueAddress != Cluster.Get(Context.System).SelfUniqueAddress)
            return;
        _node.OnUp();
        Ping();
    }

    /// <summary>A broken connection was restored. Messages sent meanwhile are lost.</summary>
    private void OnAssociated(AssociatedEvent associated)
    {
        if (_broken.Remove(associated.RemoteAddress))
            Timers.StartSingleTimer(nameof(Restored), Restored.Instance, s_restoreAfter);
    }

    private void Ping()
    {
        if (!_node.IsUp)
            return;
        for (var shard = 0; shard < _node.Shards; shard++)
            _region.Tell(new ToShard(shard, ShardPing.Instance), Self);
        foreach (var id in _node.NodeIds)
            CachePubSub.MediatorOf(Context.System).Tell(new Publish(_node.Topic, new ToNode(new NodeHello(id, IsAnswer: false))), Self);
    }

    private sealed class KeepAlive : INoSerializationVerificationNeeded
    {
        public static readonly KeepAlive Instance = new();
    }

    private sealed class Restored : INoSerializationVerificationNeeded
    {
        public static readonly Restored Instance = new();
    }
}
