using System.Runtime.CompilerServices;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache;

/// <content>Hits, and what becomes of calls that aren't.</content>
public sealed partial class RegenCache
{
    /// <summary>A hit: everything on this path is measured, and allocates nothing.</summary>
    /// <remarks>
    /// The generator's identity is compared before any type: where it is the delegate that made the source, the source is of these types, or
    /// of ones that delegate variance makes as good, whose states are references and only compared.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ValueTask<T> Get<TState, T>(
        string key, TState state, Delegate generator, RegenEntryOptions? options, CancellationToken cancellationToken)
    {
        if (key is not null && _memory.Find(key) is { } entry && entry.Value is { } value && IsOf<T>(value)
            && entry.Generator is { } known)
        {
            // Nothing else is ever put there.
            var source = Unsafe.As<KeySource>(known);
            if (ReferenceEquals(source.Generator, generator) && (ReferenceEquals(source.Profile.Options, options) || source.Profile.IsOf(options))
                && (typeof(TState).IsValueType
                    ? source is ValueStateSource<TState, T> typed && typed.HasState(state)
                    : ReferenceEquals(source.State, state)))
            {
                entry.OnHit(_memory.Epoch);
                return new(typeof(T).IsValueType ? (T)value : Unsafe.As<object, T>(ref value));
            }
        }

        return GetSlowly<TState, T>(key!, state, generator, options, cancellationToken);
    }

    /// <summary>As <c>value is T</c>, quicker for the usual case of the very type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsOf<T>(object value) => value.GetType() == typeof(T) || value is T;

    /// <summary>A hit that brings something new, a hit of a null or a still serialized value, or a miss.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<T> GetSlowly<TState, T>(
        string key, TState state, Delegate generator, RegenEntryOptions? options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(generator);
        if (TryHit<TState, T>(key, state, generator, options, out var value, out var unreadable))
            return new(value!);

        Check(key);
        var source = KeySource.Of<TState, T>(state, generator, _profiles.Resolve(options));
        var call = new ValueCall<T>(key!, WaiterKind.Get, source.Profile, source);
        if (unreadable != 0)
            call.AskForNewer(unreadable);
        return new(Ask(call, call.Task, cancellationToken));
    }

    /// <summary>A hit of any kind: the generator that it brings is learnt.</summary>
    private bool TryHit<TState, T>(string? key, TState state, Delegate generator, RegenEntryOptions? options, out T? value, out long unreadable)
    {
        value = default;
        unreadable = 0;
        if (key is null || _memory.Find(key) is not { } entry || !TryServe(entry, out value, out unreadable))
            return false;

        Learn<TState, T>(entry, state, generator, options);
        entry.OnHit(_memory.Epoch);
        return true;
    }

    /// <summary>A hit of a null or a still serialized value, or where another generator was last known; a miss; an error.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<T> GetRegisteredSlowly<T>(string key, CancellationToken cancellationToken)
    {
        var registered = key is null ? null : _keyspaces.Find(key);
        var source = registered as KeyspaceSource<T>;
        var unreadable = 0L;
        if (source is not null && _memory.Find(key!) is { } entry && TryServe<T>(entry, out var value, out unreadable))
        {
            if (!ReferenceEquals(entry.Generator, source))
                _shell.Post(Peer.Callers, new GeneratorLearned(entry.Key, source));
            entry.OnHit(_memory.Epoch);
            return new(value!);
        }

        Check(key);
        if (source is null)
            throw registered is null ? _keyspaces.Unknown(key!) : Keyspaces.WrongType<T>(key!, registered);
        var call = new ValueCall<T>(key!, WaiterKind.Get, source.Profile, source);
        if (unreadable != 0)
            call.AskForNewer(unreadable);
        return new(Ask(call, call.Task, cancellationToken));
    }

    private void Learn<TState, T>(Memory.MemoryEntry entry, TState state, Delegate generator, RegenEntryOptions? options)
    {
        if (entry.Generator is KeySource known && ReferenceEquals(known.Generator, generator))
        {
            if (!known.Profile.IsOf(options))
                known.Profile = _profiles.Resolve(options);
            if (typeof(TState).IsValueType ? known is ValueStateSource<TState, T> typed && typed.HasState(state) : known is ObjectStateSource<TState, T>)
            {
                if (!typeof(TState).IsValueType)
                    known.State = state;
                return;
            }
        }

        var source = KeySource.Of<TState, T>(state, generator, _profiles.Resolve(options));
        _shell.Post(Peer.Callers, new GeneratorLearned(entry.Key, source));
    }

    /// <summary>Gets the value out of an entry that may show a null or a serialized one.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="value">The value.</param>
    /// <param name="unreadable">The token of what the entry shows and can't be read as this type; 0: there is none.</param>
    private bool TryServe<T>(Memory.MemoryEntry entry, out T? value, out long unreadable)
    {
        value = default;
        unreadable = 0;

        // Before the value: at worst the older of two is taken for unreadable.
        var token = entry.Token;
        if (!entry.TryRead(out var content, out var serialized))
            return false;
        Exception? error;
        if (serialized is CachePayload payload)
        {
            if (_shell.Codec.TryDecode(entry.Key, payload, out value, out error))
            {
                if (payload.Value is { } decoded)
                    entry.TryMaterialize(payload, decoded);
                return true;
            }
        }
        else if (_shell.Codec.TryConvert(entry.Key, content, out value, out error))
        {
            return true;
        }

        if (!_shell.ReplacesUnreadable<T>(entry.Key, error))
            throw error;
        unreadable = Math.Max(1, token);
        return false;
    }

    private Task<TResult> Ask<TResult>(Call call, Task<TResult> task, CancellationToken cancellationToken, object? message = null)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<TResult>(cancellationToken);

        // Only these two wait for a run of their key.
        return call.Kind is WaiterKind.Get or WaiterKind.Refresh && GenerationScope.Current is { } scope
            ? AskWithin(scope, call, task, message, cancellationToken)
            : Send(call, task, message, cancellationToken);
    }

    /// <summary>As <see cref="Send"/>, inside a generator. A method of its own: what its lambda captures costs other calls nothing.</summary>
    private Task<TResult> AskWithin<TResult>(GenerationScope scope, Call call, Task<TResult> task, object? message, CancellationToken cancellationToken)
    {
        call.IsNested = scope.IsRunning;
        return scope.Wait(_shell, call, () => Send(call, task, message, cancellationToken));
    }

    private Task<TResult> Send<TResult>(Call call, Task<TResult> task, object? message, CancellationToken cancellationToken)
    {
        call.Watch(_shell, cancellationToken);
        _shell.Post(Peer.Callers, message ?? call);
        return task;
    }

    private void Check(string? key)
    {
        ObjectDisposedException.ThrowIf(_shell.IsLeaving, this);
        KeyCheck.Throw(key, _maximumKeyLength);
    }

    private static class SyncGenerator<T>
    {
        public static readonly Func<Func<T>, CancellationToken, ValueTask<T>> Run = static (generate, _) => new(generate());
    }
}
