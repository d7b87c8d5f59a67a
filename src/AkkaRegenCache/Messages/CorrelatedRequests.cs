using Akka.Actor;
using AkkaRegenCache.Awaiting;

namespace AkkaRegenCache.Messages;

/// <summary>
/// Asks a topic's awaiter actor, which is found as <c>IRequiredActor&lt;CorrelatedAwaiting&lt;TMessage, TKey&gt;&gt;</c>. Each request gets
/// exactly one reply; errors come as <see cref="Status.Failure"/>, which an Ask throws. Immutable.
/// </summary>
/// <remarks>
/// For actors and controllers of the same node only: requests and replies don't go over the wire.
/// <see cref="CorrelatedAwaiting{TMessage, TKey}"/> is the same thing without the mailbox.
/// </remarks>
public abstract record CorrelatedRequest : INoSerializationVerificationNeeded
{
    private protected CorrelatedRequest()
    {
    }
}

/// <summary>
/// Waits for the next message of a key. The reply is the message itself; or a failure when the wait was cancelled or the topic's longest
/// lifetime has passed.
/// </summary>
/// <remarks>
/// The awaiter is registered when the actor has taken the request, not yet when the Ask has returned its task. Messages that are sent to
/// the same actor afterwards, like a <see cref="PublishMessage{TMessage}"/>, are handled afterwards. If other code causes the message, use
/// <see cref="RegisterAwaiter{TKey}"/>.
/// </remarks>
/// <typeparam name="TKey">The topic's type of keys.</typeparam>
/// <param name="Key">The key.</param>
public sealed record AwaitMessage<TKey>(TKey Key) : CorrelatedRequest
    where TKey : notnull
{
    /// <summary>
    /// Ends the wait. An Ask that times out does not cancel its request: without a token the awaiter stays until the message comes or its
    /// longest lifetime has passed. <see cref="CorrelatedAsking.AwaitMessageAsync"/> cancels it.
    /// </summary>
    public CancellationToken CancellationToken { get; init; }
}

/// <summary>
/// Registers an awaiter for the next message of a key. The reply is the <see cref="CorrelatedAwaiter{TMessage}"/>: with it, what brings the
/// message about may be sent. Dispose it when the wait is over.
/// </summary>
/// <typeparam name="TKey">The topic's type of keys.</typeparam>
/// <param name="Key">The key.</param>
public sealed record RegisterAwaiter<TKey>(TKey Key) : CorrelatedRequest
    where TKey : notnull
{
    /// <summary>Ends the wait of the awaiter.</summary>
    public CancellationToken CancellationToken { get; init; }
}

/// <summary>
/// Publishes a message to all nodes. The reply is <see cref="MessagePublished"/>; or a failure, where it can't be serialized or is too
/// large.
/// </summary>
/// <typeparam name="TMessage">The topic's type of messages.</typeparam>
/// <param name="Message">The message.</param>
public sealed record PublishMessage<TMessage>(TMessage Message) : CorrelatedRequest;

/// <summary>The reply to <see cref="PublishMessage{TMessage}"/>: this node's awaiters have the message.</summary>
/// <param name="IsSent">Whether it was sent to the other nodes. That is no promise that all of them receive it.</param>
public sealed record MessagePublished(bool IsSent) : INoSerializationVerificationNeeded;
