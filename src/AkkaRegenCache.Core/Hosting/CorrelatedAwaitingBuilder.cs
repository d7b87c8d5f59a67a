using AkkaRegenCache.Awaiting;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// Completes the registration of one topic of correlated messages: what carries them between nodes, and how they are serialized. Not
/// thread-safe, as service collections aren't.
/// </summary>
public sealed class CorrelatedAwaitingBuilder
{
    internal CorrelatedAwaitingBuilder(IServiceCollection services, string topic)
    {
        Services = services;
        Topic = topic;
    }

    /// <summary>Where the topic is registered.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The topic's name.</summary>
    public string Topic { get; }

    /// <summary>
    /// Serializes messages of a type with this, in this topic. For all topics and caches of the application, register an
    /// <see cref="IHybridCacheSerializer{T}"/> as a service.
    /// </summary>
    /// <typeparam name="T">The type of the messages.</typeparam>
    /// <param name="serializer">Its serializer; thread-safe. All nodes must have the same.</param>
    public CorrelatedAwaitingBuilder UseSerializer<T>(IHybridCacheSerializer<T> serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        Services.AddKeyedSingleton(CorrelatedTopic.SerializerKey(Topic), serializer);
        return this;
    }

    /// <summary>Carries the messages through what the function makes, once. The last call counts.</summary>
    internal CorrelatedAwaitingBuilder UseChannel(Func<IServiceProvider, ICorrelatedChannel> factory)
    {
        Services.AddKeyedSingleton(Topic, (provider, _) => factory(provider));
        return this;
    }
}
