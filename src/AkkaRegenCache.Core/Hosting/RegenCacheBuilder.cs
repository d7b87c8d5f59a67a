using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Hosting;

/// <summary>Completes the registration of one named cache. Not thread-safe, as service collections aren't.</summary>
public sealed class RegenCacheBuilder
{
    internal RegenCacheBuilder(IServiceCollection services, string name)
    {
        Services = services;
        Name = name;
    }

    /// <summary>Where the cache is registered.</summary>
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
    /// Uses a distributed cache as the external store: the application's registered one. See <see cref="DistributedCacheStore"/> for what it
    /// can't promise.
    /// </summary>
    public RegenCacheBuilder UseDistributedCache() =>
        UseStore(provider => new DistributedCacheStore(
            provider.GetRequiredService<IDistributedCache>(),
            provider.GetService<TimeProvider>(),
            provider.GetService<ILogger<DistributedCacheStore>>()));

    /// <summary>Sends and hears notifications through this. The last call counts.</summary>
    /// <param name="notifications">The notifications of the farm.</param>
    public RegenCacheBuilder UseNotifications(INotificationBus notifications)
    {
        ArgumentNullException.ThrowIfNull(notifications);
        return UseNotifications(_ => notifications);
    }

    /// <summary>Sends and hears notifications through what the function makes, once.</summary>
    /// <param name="factory">Makes it.</param>
    public RegenCacheBuilder UseNotifications(Func<IServiceProvider, INotificationBus> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>Lets coordinators help, through the link that the function makes, once.</summary>
    internal RegenCacheBuilder UseCoordinators(Func<IServiceProvider, ICoordinatorLink> factory)
    {
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>Puts what the function makes, once, before whatever store is chosen, now or later.</summary>
    internal RegenCacheBuilder UseFront(Func<IServiceProvider, ICacheFront> factory)
    {
        Services.AddKeyedSingleton(Name, (provider, _) => factory(provider));
        return this;
    }

    /// <summary>Serializes values of a type with this, in all caches of the application.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="serializer">Its serializer; thread-safe.</param>
    public RegenCacheBuilder UseSerializer<T>(IHybridCacheSerializer<T> serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        Services.AddSingleton(serializer);
        return this;
    }
}
