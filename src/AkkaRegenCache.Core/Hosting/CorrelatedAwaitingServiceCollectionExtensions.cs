using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers correlated awaiting.</summary>
public static class CorrelatedAwaitingServiceCollectionExtensions
{
    /// <summary>
    /// Registers a topic: <see cref="CorrelatedAwaiting{TMessage, TKey}"/> and its <see cref="CorrelatedAwaitManager{TMessage, TKey}"/> as
    /// keyed singletons under the topic's name; the first topic with these types is also the unkeyed one. Without further calls on the
    /// builder it is for this process alone.
    /// </summary>
    /// <typeparam name="TMessage">Type of the messages.</typeparam>
    /// <typeparam name="TKey">Type of what correlates a message with its awaiters.</typeparam>
    /// <param name="services">Where to register.</param>
    /// <param name="topic">The topic's name: the same on every node, used once per application. Caches may have the same name.</param>
    /// <param name="keyOf">Gives a message's key; quick, thread-safe, and never null.</param>
    /// <param name="configure">Sets its options.</param>
    /// <returns>Takes what carries the messages: <c>UseCluster</c>, <c>UseRedis</c>.</returns>
    /// <exception cref="ArgumentException">The topic is empty or taken, or an option is not usable; the message names it.</exception>
    public static CorrelatedAwaitingBuilder AddCorrelatedAwaiting<TMessage, TKey>(
        this IServiceCollection services,
        string topic,
        Func<TMessage, TKey> keyOf,
        Action<CorrelatedAwaitingOptions<TKey>>? configure = null)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        ArgumentNullException.ThrowIfNull(keyOf);
        if (services.Any(s => s is { IsKeyedService: false, ImplementationInstance: CorrelatedTopic known } && known.Name == topic))
            throw new ArgumentException($"A topic named '{topic}' is registered already.", nameof(topic));
        var options = new CorrelatedAwaitingOptions<TKey>();
        configure?.Invoke(options);
        options.Validate(topic);

        services.AddSingleton(new CorrelatedTopic(topic, provider => AwaitingOf(provider, topic)));
        services.AddKeyedSingleton(topic, (provider, _) => new CorrelatedAwaiting<TMessage, TKey>(
            topic,
            keyOf,
            options,
            provider.GetKeyedService<ICorrelatedChannel>(topic),
            provider,
            provider.GetService<TimeProvider>(),
            provider.GetService<ILoggerFactory>()?.CreateLogger("AkkaRegenCache.Awaiting")));
        services.AddKeyedSingleton(topic, (provider, _) => AwaitingOf(provider, topic).Awaiters);
        services.TryAddSingleton(provider => AwaitingOf(provider, topic));
        services.TryAddSingleton(provider => AwaitingOf(provider, topic).Awaiters);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, CorrelatedAwaitingStart>());
        return new CorrelatedAwaitingBuilder(services, topic);

        static CorrelatedAwaiting<TMessage, TKey> AwaitingOf(IServiceProvider provider, string topic) =>
            provider.GetRequiredKeyedService<CorrelatedAwaiting<TMessage, TKey>>(topic);
    }
}
