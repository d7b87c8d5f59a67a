using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The source of all values of a registered keyspace. It has no state and takes the key from the run's context, so one instance serves
/// every key. One source for each key would cost memory for nothing.
/// </summary>
/// <remarks>
/// A caller that brings the same delegate may change its source's options. No call can bring this delegate, because its parameters are not
/// those of the calls' delegates. So no single call can change the options of a whole keyspace.
/// </remarks>
internal abstract class KeyspaceSource(
    string keyspace,
    Type valueType,
    Delegate generator,
    EntryProfile profile) : KeySource(generator,
    profile)
{
    /// <summary>The keyspace's name.</summary>
    public string Keyspace { get; } = keyspace;

    /// <summary>The type that its generator was registered with.</summary>
    public Type ValueType { get; } = valueType;

    // These methods call the cache with the registered type, for code that doesn't know it. If the call is invalid they throw before there
    // is a task, as the cache does.

    /// <inheritdoc cref="IRegenCache.GetAsync{T}(string, CancellationToken)"/>
    public abstract ValueTask<object?> GetAsync(RegenCache cache, string key, CancellationToken cancellationToken);

    /// <inheritdoc cref="IRegenCache.TryGetAsync{T}"/>
    public abstract ValueTask<CacheResult<object?>> TryGetAsync(RegenCache cache, string key, CancellationToken cancellationToken);

    /// <inheritdoc cref="IRegenCache.SetAsync{T}"/>
    /// <exception cref="InvalidOperationException">The value is not of the registered type.</exception>
    public abstract ValueTask<ChangeResult> SetAsync(
        RegenCache cache, string key, object? value, RegenEntryOptions? options, CancellationToken cancellationToken);

    /// <inheritdoc cref="IRegenCache.RefreshAsync{T}(string, CancellationToken)"/>
    public abstract ValueTask<object?> RefreshAsync(RegenCache cache, string key, CancellationToken cancellationToken);
}

/// <summary>A registered generator of one type. Each run has a scope of its own.</summary>
internal sealed class KeyspaceSource<T>(
    string keyspace,
    Func<IServiceProvider, string, GenerationContext, CancellationToken, ValueTask<T>> generator,
    IServiceScopeFactory scopes,
    EntryProfile profile) : KeyspaceSource(keyspace, typeof(T), generator, profile)
{
    public override async ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken)
    {
        var scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            var key = Keyspaces.KeyWithin(Keyspace, context.Key);
            var value = await generator(scope.ServiceProvider, key, context, cancellationToken).ConfigureAwait(false);

            // Within the scope: lazy parts of the value may be loaded only while it is serialized.
            return codec.Encode(context.Key, value, Profile);
        }
    }

    public override CachePayload Encode(string key, object? value, ValueCodec codec) => codec.Encode(key, (T)value!, Profile);

    public override ValueTask<object?> GetAsync(RegenCache cache, string key, CancellationToken cancellationToken) =>
        Untyped(cache.GetAsync<T>(key, cancellationToken));

    public override ValueTask<CacheResult<object?>> TryGetAsync(RegenCache cache, string key, CancellationToken cancellationToken) =>
        Untyped(cache.TryGetAsync<T>(key, cancellationToken));

    public override ValueTask<ChangeResult> SetAsync(
        RegenCache cache, string key, object? value, RegenEntryOptions? options, CancellationToken cancellationToken) =>
        ValueCodec.TryCast<T>(value, out var typed)
            ? cache.SetAsync(key, typed, options, cancellationToken)
            : throw new InvalidOperationException(
                $"The keyspace '{Keyspace}' is registered with values of type {ValueType}; "
                + $"'{key}' was to be set to {value?.GetType().ToString() ?? "null"}.");

    public override ValueTask<object?> RefreshAsync(RegenCache cache, string key, CancellationToken cancellationToken) =>
        Untyped(cache.RefreshAsync<T>(key, cancellationToken));

    private static async ValueTask<object?> Untyped(ValueTask<T> value) => await value.ConfigureAwait(false);

    private static async ValueTask<CacheResult<object?>> Untyped(ValueTask<CacheResult<T>> result)
    {
        var (found, value) = await result.ConfigureAwait(false);
        return new(found, value);
    }
}
