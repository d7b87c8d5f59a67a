using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Hosting;

/// <summary>Completes the registration of one named cache. Not thread-safe, like service collections.</summary>
public sealed class RegenCacheBuilder
{
    internal RegenCacheBuilder(IServiceCollection services, string name)
    {
        Services = services;
        Name = name;
    }

    /// <summary>The services in which the cache is registered.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The cache's name.</summary>
    public string Name { get; }

    /// <summary>Uses this external store. The last call counts.</summary>
    /// <param name="store">The store; several caches, also of other names, may share it.</param>
    public RegenCacheBuilder UseStore(IExternalStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return UseStore(_ => store);
    }

    /// <summary>Uses the external store that the function makes, once.</summary>
    /// <param name="factory">Makes the store.</param>
    public RegenCacheBuilder UseStore(Func<IServiceProvider, IExternalStore> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>
    /// Uses a store of one's own that can compare and set documents. See <see cref="CompareAndSetExternalStore"/> for what becomes of it.
    /// The last call counts.
    /// </summary>
    /// <param name="store">The store; several caches, also of other names, may share it.</param>
    public RegenCacheBuilder UseStore(ICompareAndSetStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return UseStore(_ => store);
    }

    /// <summary>Uses the store that the function makes, once: <see cref="UseStore(ICompareAndSetStore)"/>.</summary>
    /// <param name="factory">Makes the store, of the application's services.</param>
    public RegenCacheBuilder UseStore(Func<IServiceProvider, ICompareAndSetStore> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return UseStore(provider => new CompareAndSetExternalStore(
            factory(provider), provider.GetService<TimeProvider>(), provider.GetService<ILogger<CompareAndSetExternalStore>>()));
    }

    /// <summary>
    /// Uses the application's registered distributed cache as the external store. See <see cref="DistributedCacheStore"/> for what it can't
    /// promise.
    /// </summary>
    public RegenCacheBuilder UseDistributedCache() =>
        UseStore(provider => new DistributedCacheStore(
            provider.GetRequiredService<IDistributedCache>(),
            provider.GetService<TimeProvider>(),
            provider.GetService<ILogger<DistributedCacheStore>>()));

    /// <summary>Sends and receives notifications through this bus. The last call counts.</summary>
    /// <param name="notifications">The bus.</param>
    public RegenCacheBuilder UseNotifications(INotificationBus notifications)
    {
        ArgumentNullException.ThrowIfNull(notifications);
        return UseNotifications(_ => notifications);
    }

    /// <summary>Sends and receives notifications through the bus that the function makes, once.</summary>
    /// <param name="factory">Makes the bus.</param>
    public RegenCacheBuilder UseNotifications(Func<IServiceProvider, INotificationBus> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>Tells what the external store carries notifications through, for a cache that may have others beside.</summary>
    internal RegenCacheBuilder UseStoreNotifications(Func<IServiceProvider, INotificationBus> factory)
    {
        Services.AddKeyedSingleton(Name, (provider, _) => new StoreNotifications(factory(provider)));
        return this;
    }

    /// <summary>Lets coordinators help, through the link that the function makes, once.</summary>
    internal RegenCacheBuilder UseCoordinators(Func<IServiceProvider, ICoordinatorLink> factory)
    {
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>Whether it is in a cluster, which then carries the notifications.</summary>
    internal bool IsInCluster => Services.Any(s => s.IsKeyedService && s.ServiceType == typeof(IStoreDecorator) && Name.Equals(s.ServiceKey));

    /// <summary>Puts what the function makes, once, before whatever store is chosen, now or later.</summary>
    internal RegenCacheBuilder UseStoreDecorator(Func<IServiceProvider, IStoreDecorator> factory)
    {
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>
    /// Registers the generator of a keyspace: of all keys <c>keyspace:key</c>. They are read with
    /// <see cref="IRegenCache.GetAsync{T}(string, CancellationToken)"/>, which needs no delegate.
    /// </summary>
    /// <remarks>
    /// Each run has a scope of its own, made from the application's root provider. It is disposed asynchronously when the run has ended, however it ended.
    /// Nothing of the request that asked is there. Register the same keyspaces on every node of the farm.
    /// </remarks>
    /// <typeparam name="T">Type of the values.</typeparam>
    /// <param name="keyspace">Its name: not empty, without colons and lone surrogates, used once per cache.</param>
    /// <param name="generator">
    /// Makes a value. It gets the services of its scope and the key within the keyspace (of <c>users:42</c>: <c>42</c>). Runs of different keys may overlap;
    /// of one key, one runs in the whole farm at a time, as a rule.
    /// </param>
    /// <param name="options">Schedule and lifetime of the entries; null: <see cref="RegenCacheOptions.DefaultEntryOptions"/>.</param>
    /// <exception cref="ArgumentException">The name is not usable or taken, or an option is not usable; the message names it.</exception>
    public RegenCacheBuilder AddKeyspace<T>(
        string keyspace, Func<IServiceProvider, string, CancellationToken, ValueTask<T>> generator, RegenEntryOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        return AddKeyspace(keyspace, (services, key, _, cancellationToken) => generator(services, key, cancellationToken), options);
    }

    /// <summary>
    /// As <see cref="AddKeyspace{T}(string, Func{IServiceProvider, string, CancellationToken, ValueTask{T}}, RegenEntryOptions)"/>, with a generator
    /// that gets a <see cref="GenerationContext"/> and may answer "do not store" (<see cref="GenerationContext.DoNotStore"/>).
    /// </summary>
    /// <inheritdoc cref="AddKeyspace{T}(string, Func{IServiceProvider, string, CancellationToken, ValueTask{T}}, RegenEntryOptions)"/>
    public RegenCacheBuilder AddKeyspace<T>(
        string keyspace,
        Func<IServiceProvider, string, GenerationContext, CancellationToken, ValueTask<T>> generator,
        RegenEntryOptions? options = null)
    {
        KeyspaceRegistration.Check(keyspace, options);
        ArgumentNullException.ThrowIfNull(generator);
        var taken = Services.Any(s => s.IsKeyedService && Name.Equals(s.ServiceKey)
            && s.KeyedImplementationInstance is KeyspaceRegistration known && known.Name == keyspace);
        if (taken)
            throw new ArgumentException($"Cache '{Name}' has a keyspace '{keyspace}' already.", nameof(keyspace));
        Services.AddKeyedSingleton<KeyspaceRegistration>(Name, new KeyspaceRegistration<T>(keyspace, generator, options));
        return this;
    }

    /// <summary>
    /// Serializes this cache's values of a type with this serializer. For all caches of the application, register an
    /// <see cref="IHybridCacheSerializer{T}"/> as a service.
    /// </summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="serializer">Its serializer; thread-safe.</param>
    public RegenCacheBuilder UseSerializer<T>(IHybridCacheSerializer<T> serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        Services.AddKeyedSingleton(Name, serializer);
        return this;
    }

    /// <summary>
    /// Serializes this cache's values with the serializers that the factory makes. The factory registered last is asked first; a serializer for a type goes
    /// before all factories. For all caches of the application, register an <see cref="IHybridCacheSerializerFactory"/> as a service.
    /// </summary>
    /// <param name="factory">Makes serializers; thread-safe.</param>
    public RegenCacheBuilder UseSerializerFactory(IHybridCacheSerializerFactory factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.AddKeyedSingleton(Name, factory);
        return this;
    }
}
