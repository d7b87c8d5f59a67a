using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// What makes all values of a registered keyspace. It has no state of its own and finds the key in the run's context, so one instance serves every
/// key: a source per key would cost a million of them for nothing.
/// </summary>
/// <remarks>
/// A caller who brings the delegate that is there may change its source's options. Nobody can bring this one, as it takes more than the delegates of calls
/// do: the options of a whole keyspace are not for one call to change.
/// </remarks>
internal abstract class KeyspaceSource(string keyspace, Type valueType, Delegate generator, EntryProfile profile) : KeySource(generator, profile)
{
    /// <summary>The keyspace's name.</summary>
    public string Keyspace { get; } = keyspace;

    /// <summary>The type that its generator was registered with.</summary>
    public Type ValueType { get; } = valueType;
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

            // Within the scope: what is serialized may load parts of itself only now.
            return codec.Encode(context.Key, value, Profile);
        }
    }

    public override CachePayload Encode(string key, object? value, ValueCodec codec) => codec.Encode(key, (T)value!, Profile);
}
