using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// The application's caches in the cluster, by name. The container creates the cache before, or without, the actor system, so this is where
/// both find each other. Thread-safe.
/// </summary>
internal sealed class ClusterNodes(IServiceProvider provider, IEnumerable<ClusterCacheName> registered)
{
    // Akka runs the function given to AddAkka after the container is built. Its options are kept with the builder, where the container's
    // services find them.
    private static readonly ConditionalWeakTable<AkkaConfigurationBuilder, ConcurrentDictionary<string, RegenClusterOptions>>
        s_options = [];

    private readonly ConcurrentDictionary<string, Lazy<ClusterNode>> _nodes = new(StringComparer.Ordinal);

    /// <summary>The caches that are registered to use the cluster.</summary>
    public IReadOnlyCollection<string> Registered { get; } = [.. registered.Select(cache => cache.Name).Distinct(StringComparer.Ordinal)];

    /// <summary>Stores the options of WithRegenCache.</summary>
    /// /// <exception cref="ArgumentException">It was already called for this cache.</exception>
    public static void Add(AkkaConfigurationBuilder builder, string cacheName, RegenClusterOptions options)
    {
        if (!s_options.GetOrCreateValue(builder).TryAdd(cacheName, options))
            throw new ArgumentException($"WithRegenCache was called twice for cache '{cacheName}'.", nameof(cacheName));
    }

    /// <summary>The connection of a cache to the cluster.</summary>
    /// <exception cref="InvalidOperationException">
    /// There is no actor system, it does not serve the cache, or the cache is not registered to use the cluster. The message has the line
    /// to add.
    /// </exception>
    public ClusterNode For(string cacheName) => _nodes.GetOrAdd(cacheName, name => new Lazy<ClusterNode>(() => Create(name))).Value;

    private ClusterNode Create(string cacheName)
    {
        if (!Registered.Contains(cacheName))
            throw NotRegistered(cacheName, Registered);
        var builder = provider.GetService<AkkaConfigurationBuilder>() ?? throw new InvalidOperationException(
            $"Cache '{cacheName}' uses the cluster, but there is no actor system. Add: "
            + $"services.AddAkka(\"…\", akka => akka.WithRemoting(…).WithClustering(…).WithRegenCache(\"{cacheName}\"));");
        return s_options.TryGetValue(builder, out var all) && all.TryGetValue(cacheName, out var options)
            ? new ClusterNode(cacheName, options, provider.GetService<TimeProvider>()) { FindCache = () => Find(cacheName) }
            : throw new InvalidOperationException(
                $"Cache '{cacheName}' uses the cluster, but the actor system doesn't know it{Known(all?.Keys)}. Add in AddAkka(…): "
                + $".WithRegenCache(\"{cacheName}\")");
    }

    /// <summary>The error if the actor system serves a cache that does not use the cluster, or is not registered.</summary>
    public static InvalidOperationException NotRegistered(string cacheName, IEnumerable<string> registered) => new(
        $"The actor system serves cache '{cacheName}', which isn't registered to use the cluster{Known(registered)}. Add: "
        + $"services.AddRegenCache(\"{cacheName}\").UseCluster();");

    private static string Known(IEnumerable<string>? names)
    {
        var known = string.Join(", ", (names ?? []).Order(StringComparer.Ordinal).Select(name => $"'{name}'"));
        return known.Length == 0 ? "" : $" (but {known})";
    }

    private RegenCache Find(string cacheName) => provider.GetRequiredKeyedService<IRegenCache>(cacheName) as RegenCache
        ?? throw new InvalidOperationException($"Something else stands in for cache '{cacheName}': its agent can't ask that.");
}
