using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using AkkaRegenCache.Actors;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// Watches a topic's awaiter actor and the mediator that it hears through. One that ends while the node is in the cluster is started again:
/// the node would hear nothing any more, and nobody would notice.
/// </summary>
/// <remarks>
/// Tries that fail are made again ever less often. The caches of this node may replace the mediator as well; whoever comes second gets the
/// same one.
/// </remarks>
internal sealed class AwaiterKeeper : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(30);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ClusterChannel _channel;
    private readonly Func<IActorRef> _start;
    private IActorRef _actor = ActorRefs.Nobody;
    private IActorRef _mediator = ActorRefs.Nobody;
    private bool _hasActor = true;
    private bool _hasMediator = true;
    private TimeSpan _delay = s_firstDelay;

    public AwaiterKeeper(ClusterChannel channel, Func<IActorRef> start)
    {
        _channel = channel;
        _start = start;
        Receive<Terminated>(OnEnded);
        Receive<TryAgain>(_ => Mend());
        Receive<AllIsWell>(_ => _delay = s_firstDelay);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>Whether actors that have ended are missed: the actor system neither ends nor has left the cluster.</summary>
    private static bool IsNeeded =>
        CoordinatedShutdown.Get(Context.System).ShutdownReason is null && !Cluster.Get(Context.System).IsTerminated;

    /// <summary>Creates its description.</summary>
    /// <param name="channel">The topic's way through the cluster, opened: it knows the actor.</param>
    /// <param name="start">Starts another actor in the place of one that has ended; throws while its name is not free.</param>
    public static Props Props(ClusterChannel channel, Func<IActorRef> start) =>
        Akka.Actor.Props.Create(() => new AwaiterKeeper(channel, start));

    protected override void PreStart()
    {
        _actor = _channel.Actor ?? ActorRefs.Nobody;
        _mediator = CachePubSub.MediatorOf(Context.System);
        Context.Watch(_mediator);
        Context.Watch(_actor);
    }

    private void OnEnded(Terminated ended)
    {
        if (ended.ActorRef.Equals(_actor))
            _hasActor = false;
        else if (ended.ActorRef.Equals(_mediator))
            _hasMediator = false;
        TrySoon();
    }

    private void TrySoon()
    {
        if (Timers.IsTimerActive(nameof(TryAgain)))
            return;
        Timers.StartSingleTimer(nameof(TryAgain), TryAgain.Instance, _delay);
        _delay = _delay * 2 < s_longestDelay ? _delay * 2 : s_longestDelay;
    }

    private void Mend()
    {
        if (!IsNeeded)
            return;
        try
        {
            if (!_hasMediator)
                ReplaceMediator();
            if (!_hasActor)
                ReplaceActor();
            Timers.StartSingleTimer(nameof(AllIsWell), AllIsWell.Instance, s_longestDelay * 2);
        }
        catch (Exception e)
        {
            // The first try may come before the dead one's name is free, and while the actor system ends none succeeds.
            if (_delay > s_firstDelay * 4)
                _log.Warning(e, "Topic '{0}': an actor that has ended can't be started again yet.", _channel.Topic);
            TrySoon();
        }
    }

    private void ReplaceMediator()
    {
        _mediator = CachePubSub.Replace(Context.System, _mediator);
        _hasMediator = true;
        Context.Watch(_mediator);
        _actor.Tell(new MediatorReplaced(_mediator));
        _log.Warning("Topic '{0}': the mediator has ended while this node is in the cluster, and was started again.", _channel.Topic);
    }

    private void ReplaceActor()
    {
        _actor = _start();
        _hasActor = true;
        Context.Watch(_actor);
        _log.Warning("Topic '{0}': the awaiter actor has ended while this node is in the cluster, and was started again.", _channel.Topic);
    }

    private sealed class TryAgain : INoSerializationVerificationNeeded
    {
        public static readonly TryAgain Instance = new();
    }

    private sealed class AllIsWell : INoSerializationVerificationNeeded
    {
        public static readonly AllIsWell Instance = new();
    }
}
