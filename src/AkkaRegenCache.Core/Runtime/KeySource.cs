using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The newest generator that a caller on this node has given for a key. The entry in memory and the agent's key share one instance. So the
/// next regeneration runs the generator of the last hit, and a hit with another state or closure sends no message.
/// </summary>
internal abstract class KeySource(Delegate generator, EntryProfile profile) : GeneratorSource(profile)
{
    /// <summary>The delegate.</summary>
    public readonly Delegate Generator = generator;

    /// <summary>Its state, if that is a reference: a hit can compare it without knowing the types.</summary>
    public object? State;

    /// <summary>Makes the source of a call.</summary>
    public static KeySource Of<TState, T>(TState state, Delegate generator, EntryProfile profile) => typeof(TState).IsValueType
        ? new ValueStateSource<TState, T>(state, generator, profile)
        : new ObjectStateSource<TState, T>(generator, profile) { State = state };

    /// <summary>Runs the generator.</summary>
    public abstract ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken);

    /// <summary>Serializes a value that this generator has made.</summary>
    /// /// <exception cref="InvalidCastException">The value is not of this generator's type.</exception>
    public abstract CachePayload Encode(string key, object? value, ValueCodec codec);

    protected async ValueTask<CachePayload> RunAsync<TState, T>(
        TState state, GenerationContext context, ValueCodec codec, CancellationToken cancellationToken)
    {
        var value = Generator is Func<TState, CancellationToken, ValueTask<T>> simple
            ? await simple(state, cancellationToken).ConfigureAwait(false)
            : await ((Func<TState, GenerationContext, CancellationToken, ValueTask<T>>)Generator)(state, context, cancellationToken)
                .ConfigureAwait(false);
        return codec.Encode(context.Key, value, Profile);
    }
}

/// <summary>A delegate with a state that is an object: replaced in place, which is atomic.</summary>
internal sealed class ObjectStateSource<TState, T>(Delegate generator, EntryProfile profile) : KeySource(generator, profile)
{
    public override ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken) =>
        RunAsync<TState, T>((TState)State!, context, codec, cancellationToken);

    public override CachePayload Encode(string key, object? value, ValueCodec codec) => codec.Encode(key, (T)value!, Profile);
}

/// <summary>A delegate with a state of a value type, which could be torn: a change makes a new instance.</summary>
internal sealed class ValueStateSource<TState, T>(TState state, Delegate generator, EntryProfile profile) : KeySource(generator, profile)
{
    private readonly TState _state = state;

    public bool HasState(TState state) => EqualityComparer<TState>.Default.Equals(_state, state);

    public override ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken) =>
        RunAsync<TState, T>(_state, context, codec, cancellationToken);

    public override CachePayload Encode(string key, object? value, ValueCodec codec) => codec.Encode(key, (T)value!, Profile);
}
