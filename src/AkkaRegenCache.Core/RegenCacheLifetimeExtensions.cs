using AkkaRegenCache.Runtime;

namespace AkkaRegenCache;

/// <summary>
/// <see cref="IRegenCache"/>'s methods for keys that need nothing but a time to live. Such a key is passive: its value is made when
/// somebody asks and there is none, once in the farm, and never on a schedule. Everything else is as in
/// <see cref="RegenCacheOptions.DefaultEntryOptions"/>. As thread-safe as the cache they extend.
/// </summary>
public static class RegenCacheLifetimeExtensions
{
    /// <summary>
    /// Returns the value of <paramref name="key"/>; where there is none, runs <paramref name="generator"/> once in the farm, stores its
    /// result for <paramref name="lifetime"/> and gives it to all who wait.
    /// </summary>
    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="lifetime">
    /// How long the value lives, from the moment it was stored: 1 millisecond to 3650 days; or <see cref="Timeout.InfiniteTimeSpan"/>,
    /// until it is set or removed.
    /// </param>
    /// <param name="generator">Makes the value. A closure made per call costs the caller its allocation, also on a hit.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lifetime is not usable.</exception>
    public static ValueTask<T> GetOrCreateAsync<T>(
        this IRegenCache cache,
        string key,
        TimeSpan lifetime,
        Func<CancellationToken, ValueTask<T>> generator,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(generator);
        return cache is RegenCache node
            ? node.GetOrCreateAsync(key, generator, static (run, ct) => run(ct), LifetimeOptions.Of(lifetime), cancellationToken)
            : cache.GetOrCreateAsync(key, generator, static (run, ct) => run(ct), LifetimeOptions.Of(lifetime), cancellationToken);
    }

    /// <summary>
    /// As <see cref="GetOrCreateAsync{T}(IRegenCache, string, TimeSpan, Func{CancellationToken, ValueTask{T}}, CancellationToken)"/>, with
    /// a state that is handed to the generator, so that it needs no closure: with a static delegate a hit allocates nothing.
    /// </summary>
    /// <inheritdoc cref="GetOrCreateAsync{T}(IRegenCache, string, TimeSpan, Func{CancellationToken, ValueTask{T}}, CancellationToken)"/>
    /// <typeparam name="TState">Type of the state; a value type should implement <see cref="IEquatable{T}"/>.</typeparam>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="lifetime">How long the value lives.</param>
    /// <param name="state">Handed to <paramref name="generator"/>.</param>
    /// <param name="generator">Makes the value.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    public static ValueTask<T> GetOrCreateAsync<TState, T>(
        this IRegenCache cache,
        string key,
        TimeSpan lifetime,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return cache is RegenCache node
            ? node.GetOrCreateAsync(key, state, generator, LifetimeOptions.Of(lifetime), cancellationToken)
            : cache.GetOrCreateAsync(key, state, generator, LifetimeOptions.Of(lifetime), cancellationToken);
    }

    /// <summary>
    /// As <see cref="IRegenCache.SetAsync{T}"/>: the value lives for <paramref name="lifetime"/>, and the key is passive from then
    /// on.
    /// </summary>
    /// <inheritdoc cref="IRegenCache.SetAsync{T}"/>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; null is a value.</param>
    /// <param name="lifetime">
    /// How long it lives, from the moment it was set: 1 millisecond to 3650 days; or <see cref="Timeout.InfiniteTimeSpan"/>, until it is
    /// set again or removed.
    /// </param>
    /// <param name="cancellationToken">Ends this caller's wait; the set itself may still be done.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lifetime is not usable.</exception>
    public static ValueTask<ChangeResult> SetAsync<T>(
        this IRegenCache cache, string key, T value, TimeSpan lifetime, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return cache.SetAsync(key, value, LifetimeOptions.Of(lifetime), cancellationToken);
    }
}
