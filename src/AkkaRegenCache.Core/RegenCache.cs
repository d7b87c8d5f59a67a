using System.Runtime.CompilerServices;
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
/// A hit is served from memory on the caller's thread: a dictionary lookup without lock, allocation or clock. Everything else goes through the node's serial
/// loop. Disposing it releases its claims at once.
/// </remarks>
public sealed partial class RegenCache : IRegenCache, IAsyncDisposable, IDisposable
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
    /// <param name="logger">Logs what goes wrong; null: nothing is logged.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty, an option is not usable, or there are notifications without a shared store; the message names it.
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

        if (store is null && notifications is not null && options.NotificationsEnabled)
            throw new ArgumentException(RegenCacheOptionsValidator.NotificationsOfNothing(name), nameof(notifications));

        Name = name;
        NodeId = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}";
        timeProvider ??= TimeProvider.System;
        var isAlone = store is null;
        store = (store ?? InMemoryStore.ForOneCache(timeProvider, options.MaximumEntries, options.MaximumBytes)).ForCache(name);
        _maximumKeyLength = options.MaximumKeyLength;
        _profiles = new EntryProfiles(options);
        _keyspaces = new Keyspaces(name, keyspaces, services, _profiles);
        var codec = new ValueCodec(name, services, options.JsonSerializerOptions, store.StoresObjects, options.MaximumPayloadBytes)
        {
            Fields = options.ValueFields,
            Logger = logger,
        };

        // Timers and subscriptions are made here; they live as long as the cache and must keep nothing of the first request's context.
        _shell = OwnContext.Run(() => new NodeShell(
            name,
            options,
            store,
            options.NotificationsEnabled ? notifications : null,
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

    /// <summary>The id of this node's incarnation in the farm: unique to this instance.</summary>
    public string NodeId { get; }

    /// <summary>How many entries are in this node's memory.</summary>
    public long MemoryEntries => _memory.Count;

    /// <summary>How many bytes the values in this node's memory have, as far as their sizes are known.</summary>
    public long MemoryBytes => _memory.Bytes;

    /// <summary>How many generators on this node have passed their deadline and not ended yet.</summary>
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

    /// <inheritdoc/>
    public ValueTask<ChangeResult> SetAsync<T>(
        string key, T value, RegenEntryOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(key);
        var profile = options is null && _keyspaces.Find(key) is { } registered ? registered.Profile : _profiles.Resolve(options);
        var payload = _shell.Codec.Encode(key, value, profile);
        var call = new ChangeCall(key, WaiterKind.Set, profile);
        var change = new ChangeRequested(call, payload, _shell.Codec.IsTooLarge(key, payload));
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

    /// <summary>Releases this node's claims and ends all waits with <see cref="ObjectDisposedException"/>. May be called repeatedly.</summary>
    /// <returns>A task that ends when the claims are released, or when the store can't be reached.</returns>
    public ValueTask DisposeAsync() => _shell.DisposeAsync();

    /// <summary>Takes nothing new upon itself, and lets the generators come to their end that run here.</summary>
    internal Task DrainAsync() => _shell.DrainAsync();

    /// <summary>As <see cref="DisposeAsync"/>, but waits for nothing. To wait, call that one too, before or after.</summary>
    public void Dispose() => _ = DisposeAsync().AsTask();
}
