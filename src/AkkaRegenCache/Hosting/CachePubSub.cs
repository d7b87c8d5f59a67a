using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// The caches' own mediator of DistributedPubSub, one in each actor system. The application's mediator is configured by
/// <c>akka.cluster.pub-sub</c> and may be limited to a role that this node does not have; then it drops all messages. This one runs on
/// every node with a cache, because nodes without <see cref="RegenClusterOptions.Role"/> need notifications, too.
/// </summary>
internal sealed class CachePubSub : IExtension
{
    /// <summary>Mediators find each other by their path, so the name is the same on every node.</summary>
    private const string Name = "regencache-pubsub";

    /// <summary>Akka's own mediator also runs there, so blocked threads of the application do not delay it.</summary>
    private const string Dispatcher = "akka.actor.internal-dispatcher";

    private readonly Lock _gate = new();
    private readonly ExtendedActorSystem _system;
    private volatile IActorRef _mediator;

    private CachePubSub(ExtendedActorSystem system)
    {
        _system = system;
        _mediator = Start();
    }

    /// <summary>The mediator of an actor system; the first call starts it.</summary>
    public static IActorRef MediatorOf(ActorSystem system) => Of(system)._mediator;

    /// <summary>Replaces a mediator that has ended; all caches of the actor system get the same one.</summary>
    /// <exception cref="InvalidActorNameException">Its name isn't free yet.</exception>
    public static IActorRef Replace(ActorSystem system, IActorRef ended)
    {
        var all = Of(system);
        lock (all._gate)
        {
            if (all._mediator.Equals(ended))
                all._mediator = all.Start();
            return all._mediator;
        }
    }

    private static CachePubSub Of(ActorSystem system) => system.WithExtension<CachePubSub, Provider>();

    private IActorRef Start()
    {
        var config = _system.Settings.Config.GetConfig("akka.regencache.pub-sub").WithFallback(RegenClusterConfig.PubSubDefaults);
        var settings = DistributedPubSubSettings.Create(config).WithRole(null!);
        return _system.SystemActorOf(DistributedPubSubMediator.Props(settings).WithDispatcher(Dispatcher), Name);
    }

    private sealed class Provider : ExtensionIdProvider<CachePubSub>
    {
        public override CachePubSub CreateExtension(ExtendedActorSystem system) => new(system);
    }
}
