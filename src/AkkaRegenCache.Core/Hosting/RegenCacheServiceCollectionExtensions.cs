using AkkaRegenCache.Runtime;
using System.Diagnostics.CodeAnalysis;
using AkkaRegenCache;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers caches.</summary>
public static class RegenCacheServiceCollectionExtensions
{
    /// <summary>
    /// Registers a cache as a keyed <see cref="IRegenCache"/> singleton under its name. The first one registered is also the unkeyed
    /// <see cref="IRegenCache"/>. Without further calls on the builder it is a cache of this process.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="name">The cache's name: the same on every node of the farm, and used once per application.</param>
    /// <param name="configure">Sets its options, which are validated when the host starts.</param>
    /// <returns>The builder, which takes store, notifications, keyspaces and serializers.</returns>
    /// <exception cref="ArgumentException">The name is empty, or taken.</exception>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "No binding by reflection: options are set by delegates.")]
    public static RegenCacheBuilder AddRegenCache(
        this IServiceCollection services, string name = "default", Action<RegenCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (services.Any(s => s.IsKeyedService && s.ServiceType == typeof(IRegenCache) && name.Equals(s.ServiceKey)))
            throw new ArgumentException($"A cache named '{name}' is registered already.", nameof(name));

        var options = services.AddOptions<RegenCacheOptions>(name).ValidateOnStart();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RegenCacheOptions>, RegenCacheOptionsValidator>());
        services.TryAddSingleton<RegenCacheLifetime>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, RegenCacheLifetime>(
            static provider => provider.GetRequiredService<RegenCacheLifetime>()));
        services.AddSingleton(new RegenCacheName(name));
        services.AddKeyedSingleton(name, (provider, _) => provider.GetRequiredService<RegenCacheLifetime>().Add(new RegenCache(
            name,
            provider.GetRequiredService<IOptionsMonitor<RegenCacheOptions>>().Get(name),
            StoreOf(provider, name),
            provider.GetKeyedService<INotificationBus>(name),
            provider.GetKeyedService<ICoordinatorLink>(name),
            provider.GetKeyedServices<KeyspaceRegistration>(name),
            provider,
            provider.GetService<TimeProvider>(),
            provider.GetService<ILogger<RegenCache>>())));
        services.AddKeyedSingleton<IRegenCache>(name, static (provider, key) => provider.GetRequiredKeyedService<RegenCache>(key));
        services.TryAddSingleton(provider => provider.GetRequiredKeyedService<IRegenCache>(name));
        services.TryAddSingleton(provider => provider.GetRequiredKeyedService<RegenCache>(name));
        return new RegenCacheBuilder(services, name);
    }

    private static IExternalStore? StoreOf(IServiceProvider provider, string name)
    {
        var chosen = provider.GetKeyedService<IExternalStore>(name);
        return provider.GetKeyedService<IStoreDecorator>(name) is { } front ? front.Before(chosen) : chosen;
    }
}
