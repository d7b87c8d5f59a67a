using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// The application's topics that use the cluster, where the container and the actor system find each other's half. What is missing of the
/// wiring ends the host's start, with the line to add. Thread-safe.
/// </summary>
internal sealed class CorrelatedTopics(IServiceProvider provider, IEnumerable<ClusterTopicName> registered) : IHostedLifecycleService
{
    // As in ClusterNodes: Akka configures the actor system when the container is built already.
    private static readonly ConditionalWeakTable<AkkaConfigurationBuilder, ConcurrentDictionary<string, bool>> s_served = [];

    /// <summary>Keeps that an actor system serves a topic.</summary>
    /// <exception cref="ArgumentException">It was said before.</exception>
    public static void Add(AkkaConfigurationBuilder builder, string topic)
    {
        if (!s_served.GetOrCreateValue(builder).TryAdd(topic, true))
            throw new ArgumentException($"WithCorrelatedAwaiting was called twice for topic '{topic}'.", nameof(topic));
    }

    /// <summary>Makes this node's object for a topic.</summary>
    public static CorrelatedAwaiting<TMessage, TKey> Make<TMessage, TKey>(
        ClusterChannel channel, Func<TMessage, TKey> keyOf, CorrelatedAwaitingOptions<TKey> options, IServiceProvider? services)
        where TKey : notnull => new(
            channel.Topic,
            keyOf,
            options,
            channel,
            services,
            services?.GetService<TimeProvider>(),
            services?.GetService<ILoggerFactory>()?.CreateLogger("AkkaRegenCache.Awaiting"));

    /// <summary>A topic's two halves.</summary>
    /// <exception cref="InvalidOperationException">The topic isn't registered to use the cluster, or with other types.</exception>
    public (ClusterChannel Channel, CorrelatedAwaiting<TMessage, TKey> Awaiting) Find<TMessage, TKey>(string topic)
        where TKey : notnull
    {
        if (provider.GetKeyedService<ICorrelatedChannel>(topic) is not ClusterChannel channel
            || provider.GetKeyedService<CorrelatedAwaiting<TMessage, TKey>>(topic) is not { } awaiting)
        {
            throw NotRegistered<TMessage, TKey>(topic);
        }

        return (channel, awaiting);
    }

    /// <summary>The actor system serves a topic that doesn't use the cluster, or isn't there at all.</summary>
    public static InvalidOperationException NotRegistered<TMessage, TKey>(string topic) => new(
        $"The actor system serves topic '{topic}', which isn't registered with these types to use the cluster. Add: "
        + $"services.AddCorrelatedAwaiting<{typeof(TMessage).Name}, {typeof(TKey).Name}>(\"{topic}\", …).UseCluster();");

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var name in registered.Select(topic => topic.Name))
        {
            // UseRedis came after UseCluster, and counts.
            if (provider.GetKeyedService<ICorrelatedChannel>(name) is not ClusterChannel)
                continue;
            var builder = provider.GetService<AkkaConfigurationBuilder>();
            if (builder is null || !s_served.TryGetValue(builder, out var served) || !served.ContainsKey(name))
            {
                var missing = builder is null ? "there is no actor system" : "the actor system doesn't know it";
                throw new InvalidOperationException(
                    $"Topic '{name}' uses the cluster, but {missing}. Add in services.AddAkka(…): "
                    + $".WithCorrelatedAwaiting<…>(\"{name}\")");
            }
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>The name of a topic that is registered to use the cluster.</summary>
internal sealed record ClusterTopicName(string Name);
