using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// The application's caches in the cluster, by name. A container hands out the cache before, or without, the actor system; so both find each other here.
/// Thread-safe.
/// </summary>
internal sealed class ClusterNodes(IServiceProvider provider)
{
    // Akka runs the function that is given to AddAkka when the container is built already: what it says is kept beside the builder, where the
    // container's services find it.
    private static readonly ConditionalWeakTable<AkkaConfigurationBuilder, ConcurrentDictionary<string, RegenClusterOptions>> s_options = [];

    private readonly ConcurrentDictionary<string, Lazy<ClusterNode>> _nodes = new(StringComparer.Ordinal);

    /// <summary>Keeps what WithRegenCache was told.</summary>
    /// <exception cref="ArgumentException">It was called for this cache before.</exception>
    public static void Add(AkkaConfigurationBuilder builder, string cacheName, RegenClusterOptions options)
    {
        if (!s_options.GetOrCreateValue(builder).TryAdd(cacheName, options))
            throw new ArgumentException($"WithRegenCache was called twice for cache '{cacheName}'.", nameof(cacheName));
    }

    /// <summary>The place of a cache.</summary>
    /// <exception cref="InvalidOperationException">The actor system doesn't know the cache.</exception>
    public ClusterNode For(string cacheName) => _nodes.GetOrAdd(cacheName, name => new Lazy<ClusterNode>(() => Create(name))).Value;

    private ClusterNode Create(string cacheName)
    {
        var builder = provider.GetService<AkkaConfigurationBuilder>()
            ?? throw new InvalidOperationException($"Cache '{cacheName}' uses the cluster, but there is no actor system: call services.AddAkka(…).");
        return s_options.TryGetValue(builder, out var all) && all.TryGetValue(cacheName, out var options)
            ? new ClusterNode(cacheName, options, provider.GetService<TimeProvider>()) { FindCache = () => Find(cacheName) }
            : throw new InvalidOperationException(
                $"Cache '{cacheName}' uses the cluster, but the actor system doesn't know it: call WithRegenCache(\"{cacheName}\") in AddAkka(…).");
    }

    private RegenCache Find(string cacheName) => provider.GetRequiredKeyedService<IRegenCache>(cacheName) as RegenCache
        ?? throw new InvalidOperationException($"Something else stands in for cache '{cacheName}': its agent can't ask that.");
}
