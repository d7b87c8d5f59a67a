using System.Runtime.CompilerServices;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The newest generator a caller on this node has given for a key. The entry in memory and the agent's key share one instance, so what a hit
/// brings is what the next regeneration runs, and no message is needed for the usual case of another state or closure.
/// </summary>
internal abstract class KeySource(RegenEntryOptions? options, EntryProfile profile) : GeneratorSource(profile)
{
    /// <summary>The options object of the newest call, as given.</summary>
    public RegenEntryOptions? Options { get; set; } = options;

    /// <summary>Runs the generator.</summary>
    public abstract ValueTask<CachePayload> RunAsync(GenerationContext context, ValueCodec codec, CancellationToken cancellationToken);
}

/// <summary>A delegate with its state.</summary>
/// <remarks>
/// A reference is replaced in place, which is atomic; a state of a value type might be torn, so it takes a new instance to change it. 
/// </remarks>
internal sealed class KeySource<TState, T>(
    TState state, Delegate generator, RegenEntryOptions? options, EntryProfile profile) : KeySource(options, profile)
{
    private readonly Delegate _generator = generator;
    private TState _state = state;

    /// <summary>Whether this is the generator a caller gives: then there is nothing to learn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsSame(Delegate generator, TState state, RegenEntryOptions? options) =>
        ReferenceEquals(_generator, generator) && IsSameState(state) && ReferenceEquals(Options, options);

    /// <summary>Takes the newest state in place, where that can be done.</summary>
    public bool TryUpdate(Delegate generator, TState state)
    {
        if (!ReferenceEquals(_generator, generator))
            return false;
        if (IsSameState(state))
            return true;
        if (typeof(TState).IsValueType)
            return false;
        _state = state;
        return true;
    }

    public override async ValueTask<CachePayload> RunAsync(
        GenerationContext context, ValueCodec codec, CancellationToken cancellationToken)
    {
        var value = _generator is Func<TState, CancellationToken, ValueTask<T>> simple
            ? await simple(_state, cancellationToken).ConfigureAwait(false)
            : await ((Func<TState, GenerationContext, CancellationToken, ValueTask<T>>)_generator)(_state, context, cancellationToken)
                .ConfigureAwait(false);
        return codec.Encode(context.Key, value, Profile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsSameState(TState state) =>
        typeof(TState).IsValueType ? EqualityComparer<TState>.Default.Equals(_state, state) : ReferenceEquals(_state, state);
}
