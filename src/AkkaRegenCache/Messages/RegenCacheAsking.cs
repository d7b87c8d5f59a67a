using Akka.Actor;

namespace AkkaRegenCache.Messages;

/// <summary>Asks a cache through its agent.</summary>
public static class RegenCacheAsking
{
    /// <summary>
    /// As <c>agent.Ask&lt;CacheReply&gt;(request, timeout)</c>, but a timeout also cancels the request in the cache. Thread-safe.
    /// </summary>
    /// <param name="agent">The cache's agent: <c>IRequiredActor&lt;RegenCacheKey&gt;.ActorRef</c>.</param>
    /// <param name="request">
    /// The request; it is sent with a token of this call's own, which <see cref="CacheRequest.CancellationToken"/> cancels too.
    /// </param>
    /// <param name="timeout">
    /// How long the asker waits; <see cref="Timeout.InfiniteTimeSpan"/>: until the cache answers, which has deadlines of its own.
    /// </param>
    /// <param name="cancellationToken">Ends the wait: of a web request, <c>HttpContext.RequestAborted</c>.</param>
    /// <returns>The reply; errors are replies too.</returns>
    /// <exception cref="AskTimeoutException">There was no reply within <paramref name="timeout"/>; or the agent is stopped.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async Task<CacheReply> AskCacheAsync(
        this IActorRef agent, CacheRequest request, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(request);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, request.CancellationToken);
        try
        {
            return await agent.Ask<CacheReply>(request with { CancellationToken = gone.Token }, timeout, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            await gone.CancelAsync().ConfigureAwait(false);
        }
    }
}
