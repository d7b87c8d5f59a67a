using Akka.Actor;

namespace AkkaRegenCache.Messages;

/// <summary>Asks a topic's awaiter actor.</summary>
public static class CorrelatedAsking
{
    /// <summary>
    /// As <c>actor.Ask&lt;TMessage&gt;(new AwaitMessage&lt;TKey&gt;(key), timeout)</c>; when the asker's patience is over, the awaiter goes
    /// with it. Thread-safe.
    /// </summary>
    /// <typeparam name="TMessage">The topic's type of messages.</typeparam>
    /// <typeparam name="TKey">The topic's type of keys.</typeparam>
    /// <param name="actor">The awaiter actor: <c>IRequiredActor&lt;CorrelatedAwaiting&lt;TMessage, TKey&gt;&gt;.ActorRef</c>.</param>
    /// <param name="key">The key.</param>
    /// <param name="timeout">How long the asker waits; <see cref="Timeout.InfiniteTimeSpan"/>: for the topic's longest lifetime.</param>
    /// <param name="cancellationToken">Ends the wait: of a web request, <c>HttpContext.RequestAborted</c>.</param>
    /// <returns>The message.</returns>
    /// <exception cref="AskTimeoutException">No message came within <paramref name="timeout"/>; or the actor is stopped.</exception>
    /// <exception cref="TimeoutException">No message came within the topic's longest lifetime.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async Task<TMessage> AwaitMessageAsync<TMessage, TKey>(
        this IActorRef actor, TKey key, TimeSpan timeout, CancellationToken cancellationToken = default)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(actor);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var request = new AwaitMessage<TKey>(key) { CancellationToken = gone.Token };
            return await actor.Ask<TMessage>(request, timeout, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await gone.CancelAsync().ConfigureAwait(false);
        }
    }
}
