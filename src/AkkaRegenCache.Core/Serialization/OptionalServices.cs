using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Serialization;

/// <summary>Services that an application may have, of a provider that it may have.</summary>
internal static class OptionalServices
{
    public static T? Of<T>(this IServiceProvider? services)
        where T : class => (T?)services?.GetService(typeof(T));

    /// <summary>The service of a key; null also where the application's container knows no keys.</summary>
    public static T? Keyed<T>(this IServiceProvider? services, object key)
        where T : class => (T?)(services as IKeyedServiceProvider)?.GetKeyedService(typeof(T), key);
}
