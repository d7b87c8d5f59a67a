using Akka.Actor;

namespace AkkaRegenCache.Hosting;

/// <summary>A cache's actors in a running actor system.</summary>
/// <param name="System">The actor system.</param>
/// <param name="Mediator">The caches' mediator of DistributedPubSub.</param>
/// <param name="Region">The shard region.</param>
/// <param name="Agent">The node's agent, which publishes and receives.</param>
/// <param name="Store">The actor before the external store.</param>
/// <param name="Partitions">The actor that asks the shards' stores.</param>
internal sealed record ClusterHandle(
    ActorSystem System,
    IActorRef Mediator,
    IActorRef Region,
    IActorRef Agent,
    IActorRef Store,
    IActorRef Partitions);
