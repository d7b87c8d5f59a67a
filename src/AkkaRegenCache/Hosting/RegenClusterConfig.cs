using Akka.Configuration;

namespace AkkaRegenCache.Hosting;

/// <summary>The HOCON that comes with the package; each key is commented in its file.</summary>
public static class RegenClusterConfig
{
    /// <summary><c>akka-regencache.conf</c>: what the caches need. Put it below your own, as a fallback.</summary>
    public static Config Default { get; } = Load("akka-regencache.conf");

    /// <summary><c>fast-failover.conf</c>: finds dead nodes sooner, at a price that the file tells. Put it below your own.</summary>
    /// <param name="externalStore">Whether the caches have an external store (Redis), which arbitrates.</param>
    public static Config FastFailover(bool externalStore) => externalStore
        ? Load("fast-failover.conf")
        : ConfigurationFactory.ParseString("akka.cluster.down-removal-margin = 4 s").WithFallback(Load("fast-failover.conf"));

    private static Config Load(string name)
    {
        using var stream = typeof(RegenClusterConfig).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }
}
