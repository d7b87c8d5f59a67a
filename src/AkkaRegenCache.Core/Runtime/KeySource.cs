using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The newest generator a caller on this node has given for a key. The entry in memory and the agent's key share one instance, so what a hit
/// brings is what the next regeneration runs, and no message is needed for the usual case of another state or closure.
/// </summary>
internal abstract class KeySource(Delegate generator, object? state, RegenEntryOptions? options, EntryProfile profile)
    : GeneratorSource(profile)
{
    /// <summary>The delegate.</summary>
    public readonly Delegate Generator = generator;

    /// <summary>Its state, where that is a reference: then a hit can compare without knowing the types.</summary>
    public object? State = state;

    /// <summary>The options object of the newest call, as given.</summary>
    public RegenEntryOptions? Options = options;

    /// <summary>Runs the generator.</summary>
    public abstract ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken);
}

/// <summary>A delegate with its state.</summary>
/// <remarks>
/// A reference is replaced in place, which is atomic; a state of a value type might be torn, so it takes a new instance to change it.
/// </remarks>
internal sealed class KeySource<TState, T>(TState state, Delegate generator, RegenEntryOptions? options, EntryProfile profile)
    : KeySource(generator, typeof(TState).IsValueType ? null : state, options, profile)
{
    private readonly TState? _state = typeof(TState).IsValueType ? state : default;

    /// <summary>Whether the state, of a value type, is the one it has.</summary>
    public bool IsSameValue(TState state) => EqualityComparer<TState>.Default.Equals(_state, state);

    /// <summary>Takes the newest state in place, where that can be done.</summary>
    public bool TryUpdate(Delegate generator, TState state)
    {
        if (!ReferenceEquals(Generator, generator))
            return false;
        if (typeof(TState).IsValueType)
            return IsSameValue(state);
        State = state;
        return true;
    }

    public override async ValueTask<CachePayload> RunAsync(
        GenerationContext context, ValueCodec codec, CancellationToken cancellationToken)
    {
        var state = typeof(TState).IsValueType ? _state! : (TState)State!;
        var value = Generator is Func<TState, CancellationToken, ValueTask<T>> simple
            ? await simple(state, cancellationToken).ConfigureAwait(false)
            : await ((Func<TState, GenerationContext, CancellationToken, ValueTask<T>>)Generator)(state, context, cancellationToken)
                .ConfigureAwait(false);
        return codec.Encode(context.Key, value, Profile);
    }
}
