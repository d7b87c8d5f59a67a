using Akka.Actor;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Messages;

/// <summary>
/// Asks a cache through its agent, the actor that is found as <c>IRequiredActor&lt;RegenCacheKey&gt;</c>. Each request gets exactly one
/// <see cref="CacheReply"/>, also where it is refused or fails. Immutable.
/// </summary>
/// <remarks>
/// For actors and controllers of the agent's own node only: requests and replies hold values of any type as they are, and don't go over the
/// wire. <see cref="IRegenCache"/> is the same thing without the mailbox.
/// </remarks>
public abstract record CacheRequest : INoSerializationVerificationNeeded
{
    private protected CacheRequest(string key) => Key = key;

    /// <summary>The whole key, with its keyspace: <c>users:42</c>.</summary>
    public string Key { get; init; }

    /// <summary>
    /// Ends the wait for the answer, and the generation if no other caller waits for it. An Ask that times out does not cancel its request:
    /// without a token the cache goes on until the generator has ended or its deadline has passed. <see
    /// cref="RegenCacheAsking.AskCacheAsync"/> cancels it.
    /// </summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Whether a generator may run for it: then an error may be the generator's.</summary>
    private protected virtual bool MayGenerate => false;

    /// <summary>Never fails.</summary>
    internal async ValueTask<CacheReply> AnswerAsync(ClusterNode node)
    {
        RegenCache? cache = null;
        var isTaken = false;
        try
        {
            cache = (node.FindCache ?? throw new ObjectDisposedException($"Cache '{node.CacheName}'"))();
            var answer = Ask(cache);

            // What can't be done is thrown by the call itself; what comes later has been tried.
            isTaken = true;
            return await answer.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            return new CacheReply(Key, KindOf(e, isTaken, isGone: cache is null || cache.Shell.IsLeaving)) { Error = e };
        }
    }

    /// <exception cref="Exception">The request is invalid. Later errors are the task's.</exception>
    private protected abstract ValueTask<CacheReply> Ask(RegenCache cache);

    private protected static async ValueTask<CacheReply> Found(string key, ValueTask<object?> value) =>
        new(key, CacheReplyKind.Found) { Value = await value.ConfigureAwait(false) };

    private protected static async ValueTask<CacheReply> FoundOrNot<T>(string key, ValueTask<CacheResult<T>> result)
    {
        var (found, value) = await result.ConfigureAwait(false);
        return found ? new CacheReply(key, CacheReplyKind.Found) { Value = value } : new CacheReply(key, CacheReplyKind.NotFound);
    }

    private protected static async ValueTask<CacheReply> Changed(string key, ValueTask<ChangeResult> change) =>
        new(key, CacheReplyKind.Changed) { Change = await change.ConfigureAwait(false) };

    private CacheReplyKind KindOf(Exception error, bool isTaken, bool isGone) => error switch
    {
        ObjectDisposedException when isGone => CacheReplyKind.Unavailable,
        RegenStoreException => CacheReplyKind.Unavailable,
        TimeoutException => CacheReplyKind.TimedOut,
        OperationCanceledException when CancellationToken.IsCancellationRequested => CacheReplyKind.TimedOut,
        _ => isTaken && MayGenerate ? CacheReplyKind.Failed : CacheReplyKind.Rejected,
    };
}

/// <summary>
/// The value of a registered keyspace's key; where there is none it is generated. As <see cref="IRegenCache.GetAsync{T}(string,
/// CancellationToken)"/> with the registered type. The reply is <see cref="CacheReplyKind.Found"/>, or an error.
/// </summary>
/// <param name="Key">The whole key: <c>users:42</c>.</param>
public sealed record CacheGet(string Key) : CacheRequest(Key)
{
    private protected override bool MayGenerate => true;

    private protected override ValueTask<CacheReply> Ask(RegenCache cache) =>
        Found(Key, cache.Registered(Key).GetAsync(cache, Key, CancellationToken));
}

/// <summary>
/// The value of a registered keyspace's key, if there is one; nothing is generated. As <see cref="IRegenCache.TryGetAsync{T}"/> with the
/// registered type. For a key without a keyspace the type is not known: use <see cref="CacheTryGet{T}"/>.
/// </summary>
/// <param name="Key">The whole key.</param>
public sealed record CacheTryGet(string Key) : CacheRequest(Key)
{
    private protected override ValueTask<CacheReply> Ask(RegenCache cache) =>
        FoundOrNot(Key, cache.Registered(Key).TryGetAsync(cache, Key, CancellationToken));
}

/// <summary>The value of any key, if there is one; nothing is generated. As <see cref="IRegenCache.TryGetAsync{T}"/>.</summary>
/// <typeparam name="T">Type of the value.</typeparam>
/// <param name="Key">The key.</param>
public sealed record CacheTryGet<T>(string Key) : CacheRequest(Key)
{
    private protected override ValueTask<CacheReply> Ask(RegenCache cache) => FoundOrNot(Key, cache.TryGetAsync<T>(Key, CancellationToken));
}

/// <summary>
/// Sets the value of a registered keyspace's key. As <see cref="IRegenCache.SetAsync{T}"/> with the registered type. The reply is
/// <see cref="CacheReplyKind.Changed"/>, also where the set lost or is pending; or an error. For other keys: <see cref="CacheSet{T}"/>.
/// </summary>
/// <param name="Key">The whole key.</param>
/// <param name="Value">The value, of the registered type. It is the cache's from now on: don't change it.</param>
/// <param name="Options">How the entry lives; null: as its keyspace is registered.</param>
public sealed record CacheSet(string Key, object? Value, RegenEntryOptions? Options = null) : CacheRequest(Key)
{
    private protected override ValueTask<CacheReply> Ask(RegenCache cache) =>
        Changed(Key, cache.Registered(Key).SetAsync(cache, Key, Value, Options, CancellationToken));
}

/// <summary>Sets the value of any key. As <see cref="IRegenCache.SetAsync{T}"/>; the reply as to <see cref="CacheSet"/>.</summary>
/// <typeparam name="T">Type of the value.</typeparam>
/// <param name="Key">The key.</param>
/// <param name="Value">The value. It is the cache's from now on: don't change it.</param>
/// <param name="Options">How the entry lives; null: as its keyspace is registered, else the cache's defaults.</param>
public sealed record CacheSet<T>(string Key, T Value, RegenEntryOptions? Options = null) : CacheRequest(Key)
{
    private protected override ValueTask<CacheReply> Ask(RegenCache cache) =>
        Changed(Key, cache.SetAsync(Key, Value, Options, CancellationToken));
}

/// <summary>
/// Removes any key. As <see cref="IRegenCache.RemoveAsync"/>. The reply is <see cref="CacheReplyKind.Changed"/>, or an error.
/// </summary>
/// <param name="Key">The key.</param>
public sealed record CacheRemove(string Key) : CacheRequest(Key)
{
    private protected override ValueTask<CacheReply> Ask(RegenCache cache) => Changed(Key, cache.RemoveAsync(Key, CancellationToken));
}

/// <summary>
/// Makes the value of a registered keyspace's key again, now. As <see cref="IRegenCache.RefreshAsync{T}(string, CancellationToken)"/> with
/// the registered type. The reply is <see cref="CacheReplyKind.Found"/>, or an error.
/// </summary>
/// <param name="Key">The whole key.</param>
public sealed record CacheRefresh(string Key) : CacheRequest(Key)
{
    private protected override bool MayGenerate => true;

    private protected override ValueTask<CacheReply> Ask(RegenCache cache) =>
        Found(Key, cache.Registered(Key).RefreshAsync(cache, Key, CancellationToken));
}
