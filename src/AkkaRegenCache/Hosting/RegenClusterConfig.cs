using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using Akka.DistributedData;

namespace AkkaRegenCache.Hosting;

/// <summary>The HOCON of the package. Each key is commented in its file.</summary>
public static class RegenClusterConfig
{
    /// <summary>
    /// <c>akka-regencache.conf</c>, and below it the defaults of the Akka modules that the caches use. (Other nodes may send messages of
    /// these modules before this node has started them.) Put it below your own HOCON, as a fallback.
    /// </summary>
    public static Config Default { get; } = Load("akka-regencache.conf")
        .WithFallback(ClusterSharding.DefaultConfig())
        .WithFallback(DistributedPubSub.DefaultConfig())
        .WithFallback(DistributedData.DefaultConfig());

    /// <summary>Akka's own defaults of <c>akka.cluster.sharding</c>, whatever the application sets there.</summary>
    internal static Config ShardingDefaults { get; } = ClusterSharding.DefaultConfig().GetConfig("akka.cluster.sharding");

    /// <summary>Akka's own defaults of <c>akka.cluster.singleton</c>.</summary>
    internal static Config SingletonDefaults { get; } = ClusterSingleton.DefaultConfig().GetConfig("akka.cluster.singleton");

    /// <summary>Akka's own defaults of <c>akka.cluster.pub-sub</c>.</summary>
    internal static Config PubSubDefaults { get; } = DistributedPubSub.DefaultConfig().GetConfig("akka.cluster.pub-sub");

    /// <summary><c>hosted.conf</c>: the settings that change if a Generic Host ends the process.</summary>
    internal static Config Hosted { get; } = Load("hosted.conf");

    /// <summary><c>fast-failover.conf</c>: finds dead nodes sooner. The file tells the price. Put it below your own HOCON.</summary>
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
