namespace AkkaRegenCache;

/// <summary>
/// A cache that makes each active value once per regeneration interval for the whole farm, ahead of its expiry and in the background. A read of a
/// warm key never waits.
/// </summary>
/// <remarks>
/// <para>All members may be called from any number of threads at the same time.</para>
/// <para>
/// A key is a non-empty string of at most <see cref="RegenCacheOptions.MaximumKeyLength"/> UTF-16 characters without lone surrogates. Anything else is an
/// <see cref="ArgumentException"/> that names the key. Null, empty and default values are values like any other.
/// </para>
/// <para>
/// This is an ordinary interface: tests can fake it and decorators can implement it. A generic method called through an interface costs about as much as the
/// rest of a hit. If that counts, ask for the class <see cref="RegenCache"/>, which is registered as well, or use the extension methods, which call it
/// directly.
/// </para>
/// <para>
/// A cancelled <see cref="CancellationToken"/> ends its caller's wait only. The shared work is cancelled when its last caller has left. After disposal every
/// member throws <see cref="ObjectDisposedException"/>.
/// </para>
/// </remarks>
public interface IRegenCache
{
    /// <summary>The cache's name, as given at registration.</summary>
    string Name { get; }

    /// <summary>
    /// Returns the value of <paramref name="key"/>. If there is none, runs <paramref name="generator"/> once in the farm, stores the result and gives it to
    /// all waiting callers.
    /// </summary>
    /// <remarks>
    /// <para>A hit completes synchronously and allocates nothing when <paramref name="generator"/> is a cached (static) delegate and
    /// <paramref name="state"/> equals the one given before. Later regenerations on this node run the generator that was given last. By then the request is
    /// over, so it must not use anything of the caller's scope (such as a <c>DbContext</c>).</para>
    /// <para>The generator's token is cancelled at the generation deadline, or when no caller wants the value any more.</para>
    /// </remarks>
    /// <typeparam name="TState">Type of the state handed to the generator; a value type should implement <see cref="IEquatable{T}"/>.</typeparam>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="state">Handed to <paramref name="generator"/>, so that it needs no closure.</param>
    /// <param name="generator">Makes the value.</param>
    /// <param name="options">Schedule and lifetime; null: <see cref="RegenCacheOptions.DefaultEntryOptions"/>.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">The key or an option is not usable; the message names it.</exception>
    /// <exception cref="TimeoutException">The hard timeout or the generation deadline has passed.</exception>
    /// <exception cref="RemoteGenerationException">
    /// The generator failed on another node, or passed its deadline there. (A failure on this node is thrown as it was.)
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The value can't be read as <typeparamref name="T"/> and <see cref="RegenCacheOptions.UnreadableValues"/> says to throw; or the value can't be
    /// serialized; or the generator waits for its own key.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// As <see cref="GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>,
    /// with a generator that gets a <see cref="GenerationContext"/> and may answer "do not store" (<see cref="GenerationContext.DoNotStore"/>).
    /// </summary>
    /// <inheritdoc cref="GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns the value of a registered keyspace's key. If there is none, runs the keyspace's generator once in the farm, stores the result and gives it to
    /// all waiting callers.
    /// </summary>
    /// <remarks>
    /// A key's keyspace is the text before its first colon. Of <c>users:42</c> it is <c>users</c>, and the generator that
    /// <see cref="Hosting.RegenCacheBuilder.AddKeyspace{T}(string, Func{IServiceProvider, string, CancellationToken, ValueTask{T}}, RegenEntryOptions)"/>
    /// has registered gets <c>42</c>. A hit completes synchronously and allocates nothing.
    /// </remarks>
    /// <typeparam name="T">Type of the value: exactly the type that the keyspace is registered with.</typeparam>
    /// <param name="key">The whole key, with its keyspace: <c>users:42</c>.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">The key is not usable, or its keyspace is not registered; the message names it.</exception>
    /// <exception cref="InvalidOperationException">
    /// The keyspace is registered with another type than <typeparamref name="T"/>; or as for <c>GetOrCreateAsync</c>.
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
    /// <returns>The value, if it is <see cref="CacheResult{T}.Found"/>. A store that can't be reached is a miss.</returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="InvalidOperationException">
    /// The value can't be read as <typeparamref name="T"/> and <see cref="RegenCacheOptions.UnreadableValues"/> says to throw.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<CacheResult<T>> TryGetAsync<T>(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sets the value of <paramref name="key"/> in the whole farm and starts its schedule again. A generation that began before it is not stored.
    /// </summary>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; null is a value.</param>
    /// <param name="options">
    /// Schedule and lifetime; null: those of the key's keyspace, else <see cref="RegenCacheOptions.DefaultEntryOptions"/>.
    /// </param>
    /// <param name="cancellationToken">Ends this caller's wait. The set may still be done.</param>
    /// <returns>
    /// Whether this value was accepted, and the fencing token of the value that stays. <see cref="ChangeResult.IsPending"/> if the external store didn't
    /// take it within <see cref="RegenCacheOptions.StoreWriteTimeout"/>.
    /// </returns>
    /// <exception cref="ArgumentException">The key or an option is not usable.</exception>
    /// <exception cref="RegenStoreException">
    /// The external store didn't take the value, and <see cref="RegenCacheOptions.MaximumPendingChanges"/> changes are pending. This node drops the key from
    /// memory and reads it again.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<ChangeResult> SetAsync<T>(
        string key, T value, RegenEntryOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Removes <paramref name="key"/> in the whole farm and ends its schedule. A generation that began before doesn't bring it back.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends this caller's wait. The removal may still be done.</param>
    /// <returns>
    /// Whether the removal was accepted, and the fencing token of what stays. <see cref="ChangeResult.IsPending"/> if the external store didn't take it within
    /// <see cref="RegenCacheOptions.StoreWriteTimeout"/>: then this node doesn't show the key any more, and the others will follow when the store answers.
    /// </returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="RegenStoreException">
    /// The external store didn't answer, and <see cref="RegenCacheOptions.MaximumPendingChanges"/> changes are pending. This node drops the key from memory
    /// and reads it again.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<ChangeResult> RemoveAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes the value of <paramref name="key"/> again now and returns a value whose generation began after this call. Uses the generator that this node knows
    /// for the key; that of a registered keyspace is known on every node. Callers on a node that ask together share one run.
    /// </summary>
    /// <typeparam name="T">Type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="ArgumentException">The key is not usable.</exception>
    /// <exception cref="InvalidOperationException">
    /// This node knows no generator for the key: its keyspace is not registered, and <c>GetOrCreateAsync</c> was not called here, or too long ago. Or the
    /// keyspace is registered with another type than <typeparamref name="T"/>.
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
    /// A hit returns at once. <b>A miss blocks the calling thread</b> until the value is there. If this node is to run the generator, the blocked thread runs it,
    /// so a cache in one process needs no free thread of the pool for it. The answer of an external store does need one. Many blocked pool threads starve a
    /// process: prefer <c>GetOrCreateAsync</c> where the caller can await. The hard timeout doesn't end a generator that runs on the caller's thread.
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
