namespace AkkaRegenCache;

/// <summary>The forms of <see cref="IRegenCache"/>'s methods without a state argument. As thread-safe as the cache they extend.</summary>
public static class RegenCacheExtensions
{
    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value. A closure made per call costs the caller its allocation, also on a hit.</param>
    /// <param name="options">How the entry lives; null: the cache's defaults.</param>
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
        return cache.GetOrCreateAsync(key, generator, static (run, ct) => run(ct), options, cancellationToken);
    }

    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, GenerationContext, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value; may answer "do not store".</param>
    /// <param name="options">How the entry lives; null: the cache's defaults.</param>
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
        return cache.GetOrCreateAsync(key, generator, static (run, context, ct) => run(context, ct), options, cancellationToken);
    }

    /// <inheritdoc cref="IRegenCache.RefreshAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="generator">Makes the value, now and from now on.</param>
    /// <param name="options">How the entry lives; null: the cache's defaults.</param>
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
