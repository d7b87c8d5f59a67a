using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Hosting;
using AkkaRegenCache.Actors;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// Hears a topic for this node and completes the awaiters of its key, and answers those who ask by message. The awaiters are not in it:
/// they are in the node's <see cref="CorrelatedAwaiting{TMessage, TKey}"/>, so a crash loses none, and the next incarnation subscribes
/// again.
/// </summary>
/// <typeparam name="TMessage">Type of the messages.</typeparam>
/// <typeparam name="TKey">Type of the keys.</typeparam>
internal sealed class CorrelatedAwaiterActor<TMessage, TKey> : ReceiveActor, IWithTimers
    where TKey : notnull
{
    /// <summary>How soon a subscription is asked for again that the mediator has not confirmed: it may just have ended.</summary>
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(500);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ClusterChannel _channel;
    private readonly CorrelatedAwaiting<TMessage, TKey> _awaiting;
    private readonly Action _onSubscribed;

    public CorrelatedAwaiterActor(ClusterChannel channel, CorrelatedAwaiting<TMessage, TKey> awaiting, Action onSubscribed)
    {
        _channel = channel;
        _awaiting = awaiting;
        _onSubscribed = onSubscribed;
        Receive<ToNode>(OnHeard);
        Receive<UnknownMessage>(_ => { });
        Receive<SubscribeAck>(_ => OnSubscribed());
        Receive<MediatorReplaced>(_ => Subscribe());
        Receive<TryAgain>(_ => Subscribe());
        Receive<AwaitMessage<TKey>>(request => Try(() => Register(request.Key, request.CancellationToken).Task.PipeTo(Sender, Self)));
        Receive<RegisterAwaiter<TKey>>(request => Try(() => Sender.Tell(Register(request.Key, request.CancellationToken), Self)));
        Receive<PublishMessage<TMessage>>(request => Try(() => PublishAsync(request.Message).PipeTo(Sender, Self)));
        Receive<CorrelatedRequest>(request => Sender.Tell(new Status.Failure(new ArgumentException(
            $"Topic '{_awaiting.Topic}' has messages of {typeof(TMessage)} with keys of {typeof(TKey)}, and not what a "
            + $"{request.GetType()} asks for."))));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterChannel channel, CorrelatedAwaiting<TMessage, TKey> awaiting, Action onSubscribed) =>
        Akka.Actor.Props.Create(() => new CorrelatedAwaiterActor<TMessage, TKey>(channel, awaiting, onSubscribed));

    protected override void PreStart() => Subscribe();

    protected override void PreRestart(Exception reason, object message)
    {
        _log.Error(
            reason, "The awaiter actor of topic '{0}' crashed at a {1}; it subscribes again.", _awaiting.Topic, message?.GetType().Name);
        base.PreRestart(reason, message!);
    }

    private void Subscribe()
    {
        CachePubSub.MediatorOf(Context.System).Tell(new Subscribe(_channel.Name, Self));
        Timers.StartSingleTimer(nameof(TryAgain), TryAgain.Instance, s_retry);
    }

    private void OnSubscribed()
    {
        Timers.Cancel(nameof(TryAgain));
        _onSubscribed();
    }

    private void OnHeard(ToNode heard)
    {
        if (heard.Body is CorrelatedMessage message)
            _channel.Deliver(message.Frame);
    }

    private CorrelatedAwaiter<TMessage> Register(TKey key, CancellationToken cancellationToken) =>
        _awaiting.Register(key, cancellationToken);

    private async Task<MessagePublished> PublishAsync(TMessage message) => new(await _awaiting.PublishAsync(message).ConfigureAwait(false));

    /// <summary>What can't be done is the asker's error, and no crash.</summary>
    private void Try(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            Sender.Tell(new Status.Failure(e), Self);
        }
    }

    private sealed class TryAgain : INoSerializationVerificationNeeded
    {
        public static readonly TryAgain Instance = new();
    }
}

/// <summary>Lets an actor system carry correlated messages.</summary>
public static class CorrelatedAwaiterActorExtensions
{
    /// <summary>
    /// Lets the actor system carry a topic that is registered with <c>services.AddCorrelatedAwaiting&lt;TMessage, TKey&gt;(topic,
    /// …).UseCluster()</c>. This node's awaiter actor is found as <c>IRequiredActor&lt;CorrelatedAwaiting&lt;TMessage, TKey&gt;&gt;</c>,
    /// where the topic is the first with these types. Adds <see cref="RegenClusterConfig.Default"/> below all HOCON that is there.
    /// </summary>
    /// <remarks>
    /// The key function is given to <c>AddCorrelatedAwaiting</c>: the container is built when Akka.Hosting configures an actor system, and
    /// what is awaited must be found in the container. The mediator is the library's own, on every node and with no role, whatever
    /// <c>akka.cluster.pub-sub</c> says.
    /// </remarks>
    /// <typeparam name="TMessage">Type of the messages.</typeparam>
    /// <typeparam name="TKey">Type of the keys.</typeparam>
    /// <param name="builder">The actor system's builder; remoting and clustering are set up on it too.</param>
    /// <param name="topic">The topic's name.</param>
    /// <exception cref="ArgumentException">The topic was given before.</exception>
    public static AkkaConfigurationBuilder WithCorrelatedAwaiting<TMessage, TKey>(this AkkaConfigurationBuilder builder, string topic)
        where TKey : notnull => WithCorrelatedAwaiting<TMessage, TKey>(builder, topic, typeof(CorrelatedAwaiting<TMessage, TKey>));

    /// <summary>
    /// As <see cref="WithCorrelatedAwaiting{TMessage, TKey}(AkkaConfigurationBuilder, string)"/>, with a key of its own for the
    /// actor.
    /// </summary>
    /// <typeparam name="TMessage">Type of the messages.</typeparam>
    /// <typeparam name="TKey">Type of the keys.</typeparam>
    /// <typeparam name="TActor">The actor is found as <c>IRequiredActor&lt;TActor&gt;</c>.</typeparam>
    /// <param name="builder">The actor system's builder.</param>
    /// <param name="topic">The topic's name.</param>
    /// <exception cref="ArgumentException">The topic was given before.</exception>
    public static AkkaConfigurationBuilder WithCorrelatedAwaiting<TMessage, TKey, TActor>(
        this AkkaConfigurationBuilder builder, string topic)
        where TKey : notnull => WithCorrelatedAwaiting<TMessage, TKey>(builder, topic, typeof(TActor));

    /// <summary>
    /// Starts a topic in an actor system that Akka.Hosting doesn't know, and with no container: a plain console program. Let its HOCON have
    /// <see cref="RegenClusterConfig.Default"/> as a fallback.
    /// </summary>
    /// <typeparam name="TMessage">Type of the messages.</typeparam>
    /// <typeparam name="TKey">Type of the keys.</typeparam>
    /// <param name="system">The actor system; its provider is the cluster's.</param>
    /// <param name="topic">The topic's name, the same on every node.</param>
    /// <param name="keyOf">Gives a message's key; quick, thread-safe, and never null.</param>
    /// <param name="options">How it is awaited; null: the defaults.</param>
    /// <param name="services">
    /// Where serializers, the clock and the log come from; null: System.Text.Json, the system's clock, no
    /// log.
    /// </param>
    /// <returns>This node's object for the topic; dispose it after the actor system.</returns>
    /// <exception cref="ArgumentException">An option is not usable; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The actor system is in no cluster, or has started the topic already.</exception>
    public static async Task<CorrelatedAwaiting<TMessage, TKey>> StartCorrelatedAwaitingAsync<TMessage, TKey>(
        this ActorSystem system,
        string topic,
        Func<TMessage, TKey> keyOf,
        CorrelatedAwaitingOptions<TKey>? options = null,
        IServiceProvider? services = null)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        var channel = new ClusterChannel(topic);
        var awaiting = CorrelatedTopics.Make(channel, keyOf, options ?? new(), services);
        try
        {
            await new CorrelatedStart<TMessage, TKey>(system, channel, awaiting, key: null).RunAsync().ConfigureAwait(false);
            return awaiting;
        }
        catch
        {
            awaiting.Dispose();
            throw;
        }
    }

    private static AkkaConfigurationBuilder WithCorrelatedAwaiting<TMessage, TKey>(AkkaConfigurationBuilder builder, string topic, Type key)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        CorrelatedTopics.Add(builder, topic);
        return builder
            .AddHocon(RegenClusterConfig.Hosted, HoconAddMode.Append)
            .AddHocon(RegenClusterConfig.Default, HoconAddMode.Append)
            .StartActors(async (system, _, resolver) =>
            {
                var topics = resolver.GetService<CorrelatedTopics>() ?? throw CorrelatedTopics.NotRegistered<TMessage, TKey>(topic);
                var (channel, awaiting) = topics.Find<TMessage, TKey>(topic);
                await new CorrelatedStart<TMessage, TKey>(system, channel, awaiting, key).RunAsync().ConfigureAwait(false);
            });
    }
}
