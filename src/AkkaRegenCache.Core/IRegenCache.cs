namespace AkkaRegenCache;

/// <summary>
/// A cache that makes each value once per regeneration interval for the whole farm, ahead of its expiry and in the
/// background, so that a read of a warm key never waits.
/// </summary>
/// <remarks>
/// <para>All members may be called from any number of threads at the same time.</para>
/// <para>
/// A key is a non-empty string of at most <see cref="RegenCacheOptions.MaximumKeyLength"/> UTF-16 characters without lone
/// surrogates; anything else is an <see cref="ArgumentException"/> that names the key. Null, empty and default values are values like
/// any other.
/// </para>
/// <para>
/// An ordinary interface: tests fake it, decorators implement it. A call of a generic method through an interface costs about as much as the rest of a hit; where
/// that counts ask for <see cref="RegenCache"/>, which is registered as well, or use the extension methods, which look for it.
/// </para>
/// <para>
/// A cancelled <see cref="CancellationToken"/> ends only its caller's wait: the shared work is cancelled when the last caller
/// who wants it has left. After disposal every member throws <see cref="ObjectDisposedException"/>.
/// </para>
/// </remarks>
public interface IRegenCache
{
    /// <summary>The cache's name, as given at registration.</summary>
    string Name { get; }

    /// <summary>
    /// Returns the value of <paramref name="key"/>; where there is none, runs <paramref name="generator"/> once in the farm, stores its
    /// result and gives it to all who wait.
    /// </summary>
    /// <remarks>
    /// <para>A hit completes synchronously and allocates nothing when <paramref name="generator"/> is a cached (static) delegate and
    /// <paramref name="state"/> equals the one given before. The generator given last is the one that later regenerations on this node
    /// run, so it must not depend on the caller's scope (a disposed <c>DbContext</c>, a finished request).</para>
    /// <para>The generator's token is cancelled at the generation deadline, or when nobody wants the value any more.</para>
    /// </remarks>
    /// <typeparam name="TState">Type of the state handed to the generator; a value type should implement <see cref="IEquatable{T}"/>.</typeparam>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="state">Handed to <paramref name="generator"/>, so that it needs no closure.</param>
    /// <param name="generator">Makes the value.</param>
    /// <param name="options">How the entry lives; null: <see cref="RegenCacheOptions.DefaultEntryOptions"/>.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">The key or an option is not usable; the message names it.</exception>
    /// <exception cref="TimeoutException">The hard timeout or the generation deadline has passed.</exception>
    /// <exception cref="RemoteGenerationException">The generator failed on another node, or passed its deadline there. (A failure on this node is thrown as it was.)</exception>
    /// <exception cref="InvalidOperationException">The key holds a value of a type that is not <typeparamref name="T"/>.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// As <see cref="GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>,
    /// with a generator that is told what it makes, and may answer "do not store" (<see cref="GenerationContext.DoNotStore"/>).
    /// </summary>
    /// <inheritdoc cref="GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns the value of a registered keyspace's key; where there is none, runs the keyspace's generator once in the farm, stores its result and
    /// gives it to all who wait.
    /// </summary>
    /// <remarks>
    /// A key's keyspace is what comes before its first colon: of <c>users:42</c> it is <c>users</c>, and the generator that
    /// <see cref="Hosting.RegenCacheBuilder.AddKeyspace{T}(string, Func{IServiceProvider, string, CancellationToken, ValueTask{T}}, RegenEntryOptions)"/>
    /// has registered gets <c>42</c>. A hit completes synchronously and allocates nothing.
    /// </remarks>
    /// <typeparam name="T">Type of the value: the very type that the keyspace is registered with.</typeparam>
    /// <param name="key">The whole key, with its keyspace: <c>users:42</c>.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">The key is not usable, or its keyspace is not registered; the message names it.</exception>
    /// <exception cref="InvalidOperationException">
    /// The keyspace is registered with another type than <typeparamref name="T"/>, or the key holds a value of another one.
    /// </exception>
    /// <exception cref="TimeoutException">The hard timeout or the generation deadline has passed.</exception>
    /// <exception cref="RemoteGenerationException">
    /// The generator failed on another node, or passed its deadline there. (A failure on this node is thrown as it was.)
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<T> GetAsync<T>(string key, CancellationToken cancellationToken = default);

    /// <summary>Reads the value of <paramref name="key"/> from memory, else from the external store. Never runs a generator.</summary>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The value; or, not <see cref="CacheResult{T}.Found"/>, nothing. A store that can't be reached is a miss.</returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="InvalidOperationException">The key holds a value of a type that is not <typeparamref name="T"/>.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<CacheResult<T>> TryGetAsync<T>(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sets the value of <paramref name="key"/> in the whole farm and starts its schedule again. A generation that began before is not
    /// stored over it.
    /// </summary>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; null is a value.</param>
    /// <param name="options">
    /// How the entry lives; null: as its keyspace is registered, else <see cref="RegenCacheOptions.DefaultEntryOptions"/>.
    /// </param>
    /// <param name="cancellationToken">Ends this caller's wait; the set itself may still be done.</param>
    /// <returns>
    /// Whether this value is the one that stays, and the fencing token of the one that does. Where the external store doesn't take it within
    /// <see cref="RegenCacheOptions.StoreWriteTimeout"/>: <see cref="ChangeResult.IsPending"/>.
    /// </returns>
    /// <exception cref="ArgumentException">The key or an option is not usable.</exception>
    /// <exception cref="RegenStoreException">
    /// The external store didn't take the value, and <see cref="RegenCacheOptions.MaximumPendingChanges"/> wait for it already; this node has
    /// forgotten the key and reads it again.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<ChangeResult> SetAsync<T>(
        string key, T value, RegenEntryOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Removes <paramref name="key"/> in the whole farm and ends its schedule. A generation that began before doesn't bring it back.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends this caller's wait; the removal itself may still be done.</param>
    /// <returns>
    /// The removal's fencing token. Where the external store doesn't take it within <see cref="RegenCacheOptions.StoreWriteTimeout"/>:
    /// <see cref="ChangeResult.IsPending"/>; this node has forgotten the key then, and the others will when the store answers.
    /// </returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="RegenStoreException">
    /// The external store didn't answer, and <see cref="RegenCacheOptions.MaximumPendingChanges"/> wait for it already; this node has forgotten
    /// the key and reads it again.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<ChangeResult> RemoveAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes the value of <paramref name="key"/> again, now, with the generator this node knows for it, and returns a value whose generation
    /// began after this call. Callers who ask together on a node share one run. The generator of a registered keyspace is known on every node.
    /// </summary>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="InvalidOperationException">
    /// This node knows no generator for the key: its keyspace is not registered, and nobody has called <c>GetOrCreateAsync</c> here, or it was too long
    /// ago. Or the keyspace is registered with another type than <typeparamref name="T"/>.
    /// </exception>
    /// <exception cref="TimeoutException">The hard timeout or the generation deadline has passed.</exception>
    /// <exception cref="RemoteGenerationException">The generator failed on another node.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<T> RefreshAsync<T>(string key, CancellationToken cancellationToken = default);

    /// <summary>As <see cref="RefreshAsync{T}(string, CancellationToken)"/>, with the generator to use from now on.</summary>
    /// <inheritdoc cref="GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    ValueTask<T> RefreshAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// The synchronous entry point, in the shape that users of RegenerativeDistributedCache know.
    /// </summary>
    /// <remarks>
    /// A hit returns at once, but <b>a miss blocks the calling thread</b> until the value is there. The blocked thread runs the generator itself where it is this
    /// node's turn, so a cache in one process needs no free thread of the pool for it. What an external store answers still does: many blocked
    /// thread-pool threads starve a process; prefer <c>GetOrCreateAsync</c> wherever the caller can await. A generator that runs on the caller's thread is not
    /// left when the hard timeout passes.
    /// </remarks>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="generateFunc">Makes the value.</param>
    /// <param name="inactiveRetention">How long after the last read anywhere the key goes on being regenerated.</param>
    /// <param name="regenerationInterval">How often the value is made again.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">The key or a duration is not usable.</exception>
    /// <exception cref="TimeoutException">The hard timeout or the generation deadline has passed.</exception>
    /// <exception cref="RemoteGenerationException">The generator failed on another node.</exception>
    T GetOrAdd<T>(string key, Func<T> generateFunc, TimeSpan inactiveRetention, TimeSpan regenerationInterval);
}
