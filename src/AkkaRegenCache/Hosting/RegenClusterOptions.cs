using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Hosting;

/// <summary>How a cache takes part in the cluster. Read once, when the actor system starts.</summary>
public sealed class RegenClusterOptions
{
    /// <summary>
    /// The cluster role whose nodes host the cache's coordinators, and in a cluster without external store its records; null: all nodes do. Nodes without
    /// the role use the cache all the same.
    /// </summary>
    public string? Role { get; set; }

    /// <summary>
    /// In how many shards the keys are divided, each with one coordinator in the whole cluster. The same on every node, and for the life of the cluster.
    /// Default: 64; at most 4,096.
    /// </summary>
    public int Shards { get; set; } = 64;

    /// <summary>
    /// The most values that the shards on one node keep together, where the cluster is the store. Beyond it those go that were not asked for lately, each with
    /// its schedule: nodes that have them in memory go on with them, others make them again. Default: 1,000,000.
    /// </summary>
    public long MaximumRecords { get; set; } = 1_000_000;

    /// <summary>
    /// The most bytes of those values, serialized, with their keys and about 250 bytes for each. Default: null, a quarter of the memory that the process may use.
    /// </summary>
    public long? MaximumRecordBytes { get; set; }

    /// <summary>
    /// Whether notifications go through the external store as well, where it carries some (Redis), so that nodes which are not in this cluster (on Redis alone, or in
    /// another cluster) hear and are heard: they are one farm. Where there are none, it costs a heartbeat of each node, two a second. False: nodes outside
    /// learn of changes when they compare, within a minute. Default: true.
    /// </summary>
    public bool UseStoreNotifications { get; set; } = true;

    /// <summary>How often a node pings all shards, so that none sleeps. Default: 5 seconds.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether a node counts as dead when its connection breaks and it doesn't answer within a quarter of a second; else only when the cluster finds it
    /// unreachable. A node suspected wrongly loses the claims it holds, and what it generated for them goes to its own callers only. Default: true.
    /// </summary>
    public bool SuspectOnBrokenConnection { get; set; } = true;

    /// <summary>
    /// Whether SIGTERM makes the actor system leave gracefully and then ends the process (exit code 143), where that hasn't come to its own
    /// end five seconds after the last actor system has left; null: only where no Generic Host does so. Akka's own handler
    /// (<c>run-by-clr-shutdown-hook</c>) lets the actor system leave, too, but leaves the process running. Default: null.
    /// </summary>
    public bool? HandleTerminationSignal { get; set; }

    /// <summary>
    /// Whether Akka's default stays, by which sharding's DistributedData keeps remembered entities in a database on the disk. The cache needs none of it;
    /// set it where entities of your own are remembered so. Default: false.
    /// </summary>
    public bool DurableSharding { get; set; }

    /// <summary>Whether <see cref="UseFastFailover"/> was called, and with what.</summary>
    internal bool? FastFailoverWithExternalStore { get; private set; }

    /// <summary>Makes the coordinators; tests put others in their place.</summary>
    internal Func<CoordinatorSettings, Random, CoordinatorShard> MakeCoordinator { get; set; } = static (settings, random) => new CoordinatorShard(settings, random);

    /// <summary>The clock of the shards; null: the cache's.</summary>
    internal TimeProvider? ShardTime { get; set; }

    /// <summary>
    /// Brings the shards of a killed node back in about 8 seconds instead of 45, by <c>hocon/fast-failover.conf</c>, which tells the price:
    /// a node that stands still for some seconds is downed, and its cache goes on without the cluster until the process is started again.
    /// </summary>
    /// <param name="externalStore">
    /// Whether the cache has an external store (Redis), which arbitrates. Without one a node that was downed is given time to end.
    /// </param>
    public RegenClusterOptions UseFastFailover(bool externalStore = false)
    {
        FastFailoverWithExternalStore = externalStore;
        return this;
    }

    internal void Validate(string cacheName)
    {
        if (Shards is < 1 or > 4096)
            throw new ArgumentException($"Cache '{cacheName}': Shards is {Shards}; it must be between 1 and 4096.");
        if (KeepAliveInterval < TimeSpan.FromMilliseconds(100) || KeepAliveInterval > TimeSpan.FromMinutes(10))
            throw new ArgumentException($"Cache '{cacheName}': KeepAliveInterval is {KeepAliveInterval}; it must be between 100 ms and 10 minutes.");
        if (MaximumRecords < 1 || MaximumRecordBytes < 1)
            throw new ArgumentException($"Cache '{cacheName}': MaximumRecords is {MaximumRecords} and MaximumRecordBytes {MaximumRecordBytes}; both must be at least 1.");
        if (Role is { } role && string.IsNullOrWhiteSpace(role))
            throw new ArgumentException($"Cache '{cacheName}': Role must not be empty.");
    }
}
