using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Hosting;

/// <summary>Options of a cache in the cluster. Read once, when the actor system starts.</summary>
public sealed class RegenClusterOptions
{
    /// <summary>
    /// The cluster role whose nodes host the cache's coordinators and, in a cluster without external store, its records. Null: all nodes
    /// do. Nodes without the role use the cache all the same.
    /// </summary>
    public string? Role { get; set; }

    /// <summary>
    /// How many shards the keys are divided into, each with one coordinator in the whole cluster; at most 4,096. The same on every node,
    /// and as long as the cluster exists. Default: 64.
    /// </summary>
    public int Shards { get; set; } = 64;

    /// <summary>
    /// The most values that the shards on one node keep together, if the cluster is the store. Beyond it, values that were not asked for
    /// lately are evicted, each with its schedule. Nodes that have them in memory go on with them, others make them again. Default:
    /// 1,000,000.
    /// </summary>
    public long MaximumRecords { get; set; } = 1_000_000;

    /// <summary>
    /// The most bytes of those values: serialized, with their keys and about 250 bytes for each. Null: a quarter of the memory that the
    /// process may use. Default: null.
    /// </summary>
    public long? MaximumRecordBytes { get; set; }

    /// <summary>
    /// Whether notifications also go through the external store, if it carries some (Redis). Then nodes outside this cluster, on Redis
    /// alone or in another cluster, belong to the same farm. If there are none, it costs two heartbeats a second for each node. If false,
    /// nodes outside learn of changes when they compare, within a minute. Default: true.
    /// </summary>
    public bool UseStoreNotifications { get; set; } = true;

    /// <summary>How often a node pings all shards, so that none stays stopped. Default: 5 seconds.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether a node counts as dead when its connection breaks and it doesn't answer within a quarter of a second. If false, it does only
    /// when the cluster finds it unreachable. A node that is suspected wrongly loses its claims; what it generated for them goes to its own
    /// callers only. Default: true.
    /// </summary>
    public bool SuspectOnBrokenConnection { get; set; } = true;

    /// <summary>
    /// Whether SIGTERM makes the actor system leave gracefully. A process that is still there five seconds after its last actor system has
    /// left is ended with exit code 143. Null: only if no Generic Host handles the signal. Akka's own handler
    /// (<c>run-by-clr-shutdown-hook</c>) lets the actor system leave too, but leaves the process running. Default: null.
    /// </summary>
    public bool? HandleTerminationSignal { get; set; }

    /// <summary>
    /// Whether to keep Akka's default, by which sharding's DistributedData stores remembered entities in a database on disk. The cache
    /// doesn't need it. Set it if your own entities are remembered in this way. Default: false.
    /// </summary>
    public bool DurableSharding { get; set; }

    /// <summary>Whether <see cref="UseFastFailover"/> was called, and with what.</summary>
    internal bool? FastFailoverWithExternalStore { get; private set; }

    /// <summary>Makes the coordinators; tests put others in their place.</summary>
    internal Func<CoordinatorSettings, Random, CoordinatorShard> MakeCoordinator { get; set; } = static (settings, random) =>
        new CoordinatorShard(settings, random);

    /// <summary>The clock of the shards; null: the cache's.</summary>
    internal TimeProvider? ShardTime { get; set; }

    /// <summary>
    /// Brings the shards of a killed node back in about 8 seconds instead of 45, by <c>hocon/fast-failover.conf</c>. The price: a node that
    /// stands still for some seconds is downed, and its cache goes on without the cluster until the process is started again.
    /// </summary>
    /// <param name="externalStore">
    /// Whether the cache has an external store (Redis), which arbitrates. Without one, shards wait longer after a node was downed, in case
    /// it still runs.
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
            throw new ArgumentException(
                $"Cache '{cacheName}': KeepAliveInterval is {KeepAliveInterval}; it must be between 100 ms and 10 minutes.");
        if (MaximumRecords < 1 || MaximumRecordBytes < 1)
            throw new ArgumentException(
                $"Cache '{cacheName}': MaximumRecords is {MaximumRecords} and MaximumRecordBytes {MaximumRecordBytes}; "
                + "both must be at least 1.");
        if (Role is { } role && string.IsNullOrWhiteSpace(role))
            throw new ArgumentException($"Cache '{cacheName}': Role must not be empty.");
    }
}
