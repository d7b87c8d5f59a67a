using System.Runtime.CompilerServices;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaRegenCache;

/// <summary>
/// A node of the farm: <see cref="IRegenCache"/> over a memory layer, an external store and notifications. Usually made by
/// <c>services.AddRegenCache(…)</c>. Several instances that share a store and a notification bus are a farm in one process.
/// </summary>
/// <remarks>
/// A hit is served on the caller's thread from memory: a dictionary read, no lock, no allocation, no clock. All else goes through the
/// node's serial loop. Dispose it to give its claims back to the farm at once.
/// </remarks>
public sealed class RegenCache : IRegenCache, IAsyncDisposable, IDisposable
{
    private readonly NodeShell _shell;
    private readonly Memory.MemoryLayer _memory;
    private readonly EntryProfiles _profiles;
    private readonly Keyspaces _keyspaces;
    private readonly int _maximumKeyLength;

    /// <summary>Creates a node.</summary>
    /// <param name="name">The cache's name, the same on every node.</param>
    /// <param name="options">Its options; null: the defaults. Read once.</param>
    /// <param name="store">The external store; null: one in this process's memory, of this node's own.</param>
    /// <param name="notifications">Carries notifications to the other nodes; null: there are none.</param>
    /// <param name="services">Where serializers come from: those keyed with the cache's name, then the application's; null: System.Text.Json for all.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <param name="logger">Hears what goes wrong; null: nobody does.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty, an option is not usable, or there are notifications and no store that they could tell of; the message names it.
    /// </exception>
    public RegenCache(
        string name,
        RegenCacheOptions? options = null,
        IExternalStore? store = null,
        INotificationBus? notifications = null,
        IServiceProvider? services = null,
        TimeProvider? timeProvider = null,
        ILogger<RegenCache>? logger = null)
        : this(name, options, store, notifications, coordinators: null, keyspaces: [], services, timeProvider, logger)
    {
    }

    internal RegenCache(
        string name,
        RegenCacheOptions? options,
        IExternalStore? store,
        INotificationBus? notifications,
        ICoordinatorLink? coordinators,
        IEnumerable<KeyspaceRegistration> keyspaces,
        IServiceProvider? services,
        TimeProvider? timeProvider,
        ILogger<RegenCache>? logger)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        options ??= new RegenCacheOptions();
        if (RegenCacheOptionsValidator.Errors(options) is { Count: > 0 } errors)
            throw new ArgumentException($"Cache '{name}': {string.Join(' ', errors)}", nameof(options));

        if (store is null && notifications is not null && options.UseNotifications)
            throw new ArgumentException(RegenCacheOptionsValidator.NotificationsOfNothing(name), nameof(notifications));

        Name = name;
        NodeId = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}";
        timeProvider ??= TimeProvider.System;
        var isAlone = store is null;
        store = (store ?? new InMemoryStore(timeProvider, maximumRecords: options.MaximumEntries, maximumBytes: options.MaximumBytes)).ForCache(name);
        _maximumKeyLength = options.MaximumKeyLength;
        _profiles = new EntryProfiles(options);
        _keyspaces = new Keyspaces(name, keyspaces, services, _profiles);
        var codec = new ValueCodec(name, services, options.JsonSerializerOptions, store.StoresObjects, options.MaximumPayloadBytes);

        // Timers and subscriptions are made here; they live as long as the cache and must keep nothing of the first request's context.
        _shell = OwnContext.Run(() => new NodeShell(
            name,
            options,
            store,
            options.UseNotifications ? notifications : null,
            coordinators,
            _keyspaces.IsEmpty ? null : _keyspaces.SourceFor,
            codec,
            timeProvider,
            (ILogger?)logger ?? NullLogger.Instance,
            NodeId,
            seed: StringComparer.Ordinal.GetHashCode(NodeId)));
        _memory = _shell.Memory;
        if (isAlone)
            ((InMemoryStore)store).KeepWhile(key => _memory.Find(key) is not null);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>This node's incarnation in the farm: unique to this instance.</summary>
    public string NodeId { get; }

    /// <summary>Entries in this node's memory.</summary>
    public long MemoryEntries => _memory.Count;

    /// <summary>Their bytes, as far as they are known.</summary>
    public long MemoryBytes => _memory.Bytes;

    /// <summary>Generators on this node that ran past their deadline and haven't ended yet.</summary>
    public int HungGenerators => _shell.Runs.Hung;

    internal NodeShell Shell => _shell;

    /// <summary>The keyspace of a key, through which one calls the cache without knowing the value's type.</summary>
    /// <exception cref="ArgumentException">The key is not usable, or its keyspace is not registered; the message names it.</exception>
    /// <exception cref="ObjectDisposedException">The cache is disposed of.</exception>
    internal KeyspaceSource Registered(string? key)
    {
        Check(key);
        return _keyspaces.Find(key!) ?? throw _keyspaces.Unknown(key!);
    }

    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    public ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default) => Get<TState, T>(key, state, generator, options, cancellationToken);

    /// <inheritdoc cref="IRegenCache.GetOrCreateAsync{TState, T}(string, TState, Func{TState, GenerationContext, CancellationToken, ValueTask{T}}, RegenEntryOptions, CancellationToken)"/>
    public ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default) => Get<TState, T>(key, state, generator, options, cancellationToken);

    /// <inheritdoc cref="IRegenCache.GetAsync{T}(string, CancellationToken)"/>
    public ValueTask<T> GetAsync<T>(string key, CancellationToken cancellationToken = default)
    {
        // A source of a keyspace is only ever at a key of that keyspace: with the type it is known that all is as registered.
        if (key is not null && _memory.Find(key) is { } entry && entry.Value is { } value && IsOf<T>(value)
            && entry.Generator is KeyspaceSource<T>)
        {
            entry.OnHit(_memory.Epoch);
            return new(typeof(T).IsValueType ? (T)value : Unsafe.As<object, T>(ref value));
        }

        return GetRegisteredSlowly<T>(key!, cancellationToken);
    }

    /// <inheritdoc cref="IRegenCache.TryGetAsync{T}"/>
    public ValueTask<CacheResult<T>> TryGetAsync<T>(string key, CancellationToken cancellationToken = default)
    {
        var unreadable = 0L;
        if (key is not null && _memory.Find(key) is { } entry && TryServe<T>(entry, out var value, out unreadable))
        {
            entry.OnHit(_memory.Epoch);
            return new(new CacheResult<T>(true, value));
        }

        Check(key);
        if (unreadable != 0)
            return default;
        var call = new PeekCall<T>(key!, _profiles.Default);
        return new(Ask(call, call.Task, cancellationToken));
    }

    ValueTask<T> IRegenCache.GetOrCreateCoreAsync<TState, T>(
        string key,
        TState state,
        Func<TState, GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options,
        CancellationToken cancellationToken) => GetOrCreateAsync(key, state, generator, options, cancellationToken);

    ValueTask<T> IRegenCache.GetCoreAsync<T>(string key, CancellationToken cancellationToken) => GetAsync<T>(key, cancellationToken);

    ValueTask<CacheResult<T>> IRegenCache.TryGetCoreAsync<T>(string key, CancellationToken cancellationToken) =>
        TryGetAsync<T>(key, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ChangeResult> SetAsync<T>(
        string key, T value, RegenEntryOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(key);
        var profile = options is null && _keyspaces.Find(key) is { } registered ? registered.Profile : _profiles.Resolve(options);
        var payload = _shell.Codec.Encode(key, value, profile);
        var call = new ChangeCall(key, WaiterKind.Set, profile);
        var change = new ChangeRequested(call, payload, _shell.Codec.IsTooLarge(payload));
        return new(Ask(call, call.Task, cancellationToken, change));
    }

    /// <inheritdoc/>
    public ValueTask<ChangeResult> RemoveAsync(string key, CancellationToken cancellationToken = default)
    {
        Check(key);
        var call = new ChangeCall(key, WaiterKind.Remove, _profiles.Default);
        return new(Ask(call, call.Task, cancellationToken, new ChangeRequested(call, null)));
    }

    /// <inheritdoc/>
    public ValueTask<T> RefreshAsync<T>(string key, CancellationToken cancellationToken = default)
    {
        Check(key);
        var source = _memory.Find(key)?.Generator as KeySource ?? _keyspaces.Find(key);
        if (source is KeyspaceSource registered and not KeyspaceSource<T>)
            throw Keyspaces.WrongType<T>(key, registered);
        var call = new ValueCall<T>(key, WaiterKind.Refresh, source?.Profile ?? _profiles.Default, source);
        return new(Ask(call, call.Task, cancellationToken));
    }

    /// <inheritdoc/>
    public ValueTask<T> RefreshAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check(key);
        ArgumentNullException.ThrowIfNull(generator);
        var source = KeySource.Of<TState, T>(state, generator, _profiles.Resolve(options));
        var call = new ValueCall<T>(key, WaiterKind.Refresh, source.Profile, source);
        return new(Ask(call, call.Task, cancellationToken));
    }

    /// <inheritdoc/>
    public T GetOrAdd<T>(string key, Func<T> generateFunc, TimeSpan inactiveRetention, TimeSpan regenerationInterval)
    {
        ArgumentNullException.ThrowIfNull(generateFunc);
        var options = _profiles.OptionsFor(inactiveRetention, regenerationInterval);
        if (TryHit<Func<T>, T>(key, generateFunc, SyncGenerator<T>.Run, options, out var value, out var unreadable))
            return value!;

        Check(key);
        var source = KeySource.Of<Func<T>, T>(generateFunc, SyncGenerator<T>.Run, _profiles.Resolve(options));
        var call = new BlockingCall<T>(key!, source.Profile, source);
        if (unreadable != 0)
            call.AskForNewer(unreadable);
        return GenerationScope.Current is { } scope ? BlockWithin(scope, call) : Block(call);
    }

    private T BlockWithin<T>(GenerationScope scope, BlockingCall<T> call)
    {
        call.IsNested = scope.IsRunning;
        return scope.Wait(_shell, call, () => Task.FromResult(Block(call))).GetAwaiter().GetResult();
    }

    private T Block<T>(BlockingCall<T> call)
    {
        _shell.Blocked.Add(call.Key, call);
        try
        {
            _shell.Post(Peer.Callers, call);
            return call.Wait();
        }
        finally
        {
            _shell.Blocked.Remove(call.Key, call);
        }
    }

    /// <summary>Gives this node's claims back and ends all waits with <see cref="ObjectDisposedException"/>.</summary>
    /// <returns>A task that ends when the store has the claims back, or can't be reached: that of each call, however often it is made.</returns>
    public ValueTask DisposeAsync() => _shell.DisposeAsync();

    /// <summary>Takes nothing new upon itself, and lets the generators come to their end that run here.</summary>
    internal Task DrainAsync() => _shell.DrainAsync();

    /// <summary>As <see cref="DisposeAsync"/>, without waiting for anything; whoever must, calls that, before or afterwards.</summary>
    public void Dispose() => _ = DisposeAsync().AsTask();

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
