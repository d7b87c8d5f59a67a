namespace AkkaRegenCache.Protocol;

/// <summary>
/// A node's way to the coordinators of its cache: one per shard of the keys. Messages may be lost, doubled or late, in both directions. Thread-safe.
/// </summary>
internal interface ICoordinatorLink
{
    /// <summary>How many shards there are; never changes.</summary>
    int Shards { get; }

    /// <summary>The shard of a key: the same on every node.</summary>
    int ShardOf(string key);

    /// <summary>Sends to the coordinator of a shard. Returns at once and doesn't throw.</summary>
    void Send(int shard, ToCoordinator message);

    /// <summary>Hears what coordinators say to this node, until disposed.</summary>
    /// <param name="nodeId">The node incarnation.</param>
    /// <param name="handler">Called for each message, on any thread; returns at once and doesn't throw.</param>
    IDisposable Attach(string nodeId, Action<object> handler);
}

/// <summary>
/// The way to the coordinators was broken and is made again: what was said meanwhile may be lost, so the node says again what it holds and waits for.
/// </summary>
internal sealed class LinkRestored
{
    public static readonly LinkRestored Instance = new();
}

/// <summary>
/// This node is no member of the cluster any more, and won't be one again: no coordinators, no notifications. It goes on with its store
/// alone, also where it was about to leave.
/// </summary>
/// <param name="Why">What has happened, for people: the end of a sentence.</param>
/// <param name="HasStore">Whether it has an external store; else what it keeps from now on is in this process alone.</param>
internal sealed record LinkEnded(string Why, bool HasStore);
