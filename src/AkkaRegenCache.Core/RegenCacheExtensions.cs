using AkkaRegenCache.Runtime;

namespace AkkaRegenCache;

/// <summary>
/// Shorter forms of <see cref="IRegenCache"/>'s methods: without a state argument, and with a keyspace and its key. As thread-safe as the cache they extend.
/// </summary>
public static class RegenCacheExtensions
{
    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value. A closure costs its allocation at each call, also on a hit.</param>
    /// <param name="options">Schedule and lifetime; null: the cache's defaults.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    public static ValueTask<T> GetOrCreateAsync<T>(
        this IRegenCache cache,
        string key,
        Func<CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(generator);
        return cache is RegenCache node
            ? node.GetOrCreateAsync(key, generator, static (run, ct) => run(ct), options, cancellationToken)
            : cache.GetOrCreateAsync(key, generator, static (run, ct) => run(ct), options, cancellationToken);
    }

    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, GenerationContext, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value; may answer "do not store".</param>
    /// <param name="options">Schedule and lifetime; null: the cache's defaults.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    public static ValueTask<T> GetOrCreateAsync<T>(
        this IRegenCache cache,
        string key,
        Func<GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(generator);
        return cache is RegenCache node
            ? node.GetOrCreateAsync(key, generator, static (run, context, ct) => run(context, ct), options, cancellationToken)
            : cache.GetOrCreateAsync(key, generator, static (run, context, ct) => run(context, ct), options, cancellationToken);
    }

    /// <summary>
    /// As <see cref="IRegenCache.GetAsync{T}(string, CancellationToken)"/>, with the keyspace and the key within it: <c>GetAsync("users", "42")</c>
    /// reads the key <c>users:42</c>.
    /// </summary>
    /// <remarks>Allocates the whole key at each call, also on a hit. If you have the whole key, pass it to the other form.</remarks>
    /// <inheritdoc cref="IRegenCache.GetAsync{T}(string, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="keyspace">The keyspace's name.</param>
    /// <param name="key">The key within the keyspace; it may have colons.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    public static ValueTask<T> GetAsync<T>(
        this IRegenCache cache, string keyspace, string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return cache.GetAsync<T>(Keyspaces.FullKey(keyspace, key), cancellationToken);
    }

    /// <inheritdoc cref="IRegenCache.RefreshAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value, now and from now on.</param>
    /// <param name="options">Schedule and lifetime; null: the cache's defaults.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    public static ValueTask<T> RefreshAsync<T>(
        this IRegenCache cache,
        string key,
        Func<CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(generator);
        return cache.RefreshAsync(key, generator, static (run, ct) => run(ct), options, cancellationToken);
    }
}
