using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Tools.PublishSubscribe;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// A topic's way through the cluster: a topic of DistributedPubSub, on the library's own mediator. It is there before the actor system is
/// and outlives it; without one, or while this node is no member, other nodes hear nothing. Thread-safe.
/// </summary>
internal sealed class ClusterChannel(string topic) : ICorrelatedChannel
{
    private volatile Action<ReadOnlyMemory<byte>>? _hear;
    private volatile Place? _place;

    /// <summary>
    /// The name in DistributedPubSub, and of the actor. No cache's name can make the same: those begin with
    /// <c>regencache-</c>.
    /// </summary>
    public string Name { get; } = "regencache:await-" + ClusterNames.Safe(topic);

    /// <summary>The topic as the application calls it.</summary>
    public string Topic => topic;

    /// <summary>The actor that hears the topic on this node; null: there is none, or none any more.</summary>
    public IActorRef? Actor => _place?.Actor;

    /// <inheritdoc/>
    public IDisposable Subscribe(Action<ReadOnlyMemory<byte>> hear)
    {
        _hear = hear;
        return new Ending(this);
    }

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(ReadOnlyMemory<byte> frame)
    {
        if (_place is not { } place)
            return new(false);
        CachePubSub.MediatorOf(place.System).Tell(new Publish(Name, new ToNode(new CorrelatedMessage(frame))), place.Actor);
        var cluster = Cluster.Get(place.System);
        return new(!cluster.IsTerminated && cluster.SelfMember.Status is MemberStatus.Up or MemberStatus.WeaklyUp);
    }

    /// <summary>The actor is there, or another one in its place.</summary>
    /// <returns>The one that was there before; null: it is the first.</returns>
    public IActorRef? Open(ActorSystem system, IActorRef actor)
    {
        var before = _place?.Actor;
        _place = new Place(system, actor);
        return before;
    }

    /// <summary>The actor system has ended.</summary>
    public void Close() => _place = null;

    /// <summary>Hands on what the actor has heard.</summary>
    public void Deliver(ReadOnlyMemory<byte> frame) => _hear?.Invoke(frame);

    private sealed record Place(ActorSystem System, IActorRef Actor);

    private sealed class Ending(ClusterChannel channel) : IDisposable
    {
        public void Dispose() => channel._hear = null;
    }
}
