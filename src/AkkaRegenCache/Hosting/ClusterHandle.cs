using Akka.Actor;

namespace AkkaRegenCache.Hosting;

/// <summary>What a cache's node has in a running actor system.</summary>
/// <param name="System">The actor system.</param>
/// <param name="Mediator">The caches' mediator of DistributedPubSub.</param>
/// <param name="Region">The way to the shards.</param>
/// <param name="Agent">The node's mouth and ear.</param>
/// <param name="Store">Fronts the external store.</param>
/// <param name="Partitions">Asks the shards' stores.</param>
internal sealed record ClusterHandle(ActorSystem System, IActorRef Mediator, IActorRef Region, IActorRef Agent, IActorRef Store, IActorRef Partitions);
