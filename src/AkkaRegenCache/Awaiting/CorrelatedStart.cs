using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Hosting;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Awaiting;

/// <summary>Starts what a topic has in an actor system.</summary>
/// <typeparam name="TMessage">Type of the messages.</typeparam>
/// <typeparam name="TKey">Type of the keys.</typeparam>
/// <param name="system">The actor system.</param>
/// <param name="channel">The topic's way through the cluster.</param>
/// <param name="awaiting">This node's awaiters.</param>
/// <param name="key">The type under which the actor is registered; null: it isn't.</param>
internal sealed class CorrelatedStart<TMessage, TKey>(
    ActorSystem system, ClusterChannel channel, CorrelatedAwaiting<TMessage, TKey> awaiting, Type? key)
    where TKey : notnull
{
    private const string FrameSize = "akka.remote.dot-netty.tcp.maximum-frame-size";

    /// <summary>
    /// The most bytes of a frame that are around a message: names, paths and envelopes of DistributedPubSub and
    /// remoting.
    /// </summary>
    private const int AroundMessage = 8 * 1024;

    /// <summary>
    /// How long a start waits for the local mediator to confirm the subscription. It does so at once, where the machine is not
    /// overloaded.
    /// </summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _subscribed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts the actor and what watches it, and returns when the actor has subscribed.</summary>
    /// <exception cref="InvalidOperationException">
    /// The actor system is in no cluster, its frames are too small for the topic's messages, or it has started the topic already.
    /// </exception>
    public async Task RunAsync()
    {
        if (((ExtendedActorSystem)system).Provider is not IClusterActorRefProvider)
        {
            throw new InvalidOperationException(
                $"Topic '{awaiting.Topic}' uses the cluster, but the actor system '{system.Name}' is in none. Add to its HOCON: "
                + "akka.actor.provider = cluster; or, with Akka.Hosting, .WithRemoting(…).WithClustering(…)");
        }

        system.Settings.InjectTopLevelFallback(RegenClusterConfig.Default);
        EnsureFrames();
        ClusterStart.EnsureSerializer(system);
        StartActor();
        ((ExtendedActorSystem)system).SystemActorOf(AwaiterKeeper.Props(channel, StartActor), channel.Name + ":keeper");
        system.RegisterOnTermination(channel.Close);
        await Task.WhenAny(_subscribed.Task, Task.Delay(s_patience)).ConfigureAwait(false);
        if (!_subscribed.Task.IsCompleted)
        {
            system.Log.Warning(
                "Topic '{0}': the mediator has not confirmed the subscription yet; it is asked again until it does.", awaiting.Topic);
        }
    }

    /// <summary>Starts the actor, for the first time or in the place of one that has ended, and makes it known.</summary>
    private IActorRef StartActor()
    {
        var actor = system.ActorOf(
            CorrelatedAwaiterActor<TMessage, TKey>.Props(channel, awaiting, () => _subscribed.TrySetResult()), channel.Name);
        var known = channel.Open(system, actor);
        if (key is not null)
        {
            // Of two topics with the same types the first keeps the name.
            var registry = ActorRegistry.For(system);
            var isOwn = known is not null && registry.TryGet(key, out var registered) && registered.Equals(known);
            registry.TryRegister(key, actor, overwrite: isOwn);
        }

        return actor;
    }

    /// <summary>Akka drops what is larger than a frame, and only its log says so: a size that can't work is found at the start.</summary>
    private void EnsureFrames()
    {
        var frame = system.Settings.Config.GetByteSize(FrameSize, null) ?? long.MaxValue;
        if (awaiting.MaximumMessageBytes > frame - AroundMessage)
        {
            throw new InvalidOperationException(
                $"Topic '{awaiting.Topic}': MaximumMessageBytes is {awaiting.MaximumMessageBytes:N0}, and a frame of Akka.Remote has "
                + $"{frame:N0} bytes ({FrameSize}), of which {AroundMessage:N0} are kept for what is around a message. "
                + "Lower the one or, on all nodes, raise the other.");
        }
    }
}
