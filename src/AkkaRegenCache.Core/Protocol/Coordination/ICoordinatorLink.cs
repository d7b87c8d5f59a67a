namespace AkkaRegenCache.Protocol;

/// <summary>
/// A node's connection to the coordinators of its cache, one for each shard. Messages may be lost, doubled or late in both directions.
/// Thread-safe.
/// </summary>
internal interface ICoordinatorLink
{
    /// <summary>The number of shards; never changes.</summary>
    int Shards { get; }

    /// <summary>The shard of a key: the same on every node.</summary>
    int ShardOf(string key);

    /// <summary>Sends to the coordinator of a shard. Returns at once and doesn't throw.</summary>
    void Send(int shard, ToCoordinator message);

    /// <summary>Receives what coordinators send to this node, until disposed.</summary>
    /// <param name="nodeId">The node incarnation.</param>
    /// <param name="handler">Called for each message, on any thread; returns at once and doesn't throw.</param>
    IDisposable Attach(string nodeId, Action<object> handler);
}

/// <summary>
/// The connection to the coordinators is restored. Messages may have been lost, so the node reports again what it holds and waits for.
/// </summary>
internal sealed class LinkRestored
{
    public static readonly LinkRestored Instance = new();
}

/// <summary>
/// This node is not a member of the cluster any more and will not be one again. It goes on with its store alone, without coordinators and
/// notifications, even if it was about to leave.
/// </summary>
/// <param name="Why">What has happened, for a log message: the end of a sentence.</param>
/// <param name="HasStore">Whether it has an external store; otherwise later values stay in this process.</param>
internal sealed record LinkEnded(string Why, bool HasStore);
