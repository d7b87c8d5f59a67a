namespace AkkaRegenCache.Protocol;

/// <summary>The settings of a <see cref="NodeAgent"/>. Durations are in ticks (100 ns).</summary>
internal sealed class AgentSettings
{
    /// <summary>This node's incarnation: never used before in the farm.</summary>
    public required string NodeId { get; init; }

    public required long Lease { get; init; }

    public required long Heartbeat { get; init; }

    /// <summary>The most entries that memory holds.</summary>
    public long MaximumEntries { get; init; } = long.MaxValue / 2;

    public required int MaximumBackground { get; init; }

    /// <summary>The most generators that callers wait for and that may run at once.</summary>
    public int MaximumForeground { get; init; } = int.MaxValue;

    /// <summary>How many keys may wait for their turn to be generated.</summary>
    public int MaximumQueued { get; init; } = int.MaxValue;

    public required int InlineBytes { get; init; }

    /// <summary>Whether the store announces commits to the other nodes; may be known only later. Null: never.</summary>
    public Func<bool>? StoreAnnounces { get; init; }

    /// <summary>The longest that a reader waits for the store; one try gets half of it.</summary>
    public required long ReadTimeout { get; init; }

    /// <summary>The longest that a write may take, and that its caller waits for it.</summary>
    public required long WriteTimeout { get; init; }

    public required int FailuresToBreak { get; init; }

    public required long BreakDuration { get; init; }

    public required int MaximumPendingChanges { get; init; }

    /// <inheritdoc cref="Storage.IExternalStore.Partitions"/>
    public int Partitions { get; init; } = 1;

    /// <summary>The partition of a key; null: there is only one.</summary>
    public Func<string, int>? PartitionOf { get; init; }

    /// <summary>How many shards have a coordinator; 0: there are none.</summary>
    public int Shards { get; init; }

    /// <summary>The shard of a key.</summary>
    public Func<string, int>? ShardOf { get; init; }

    /// <summary>
    /// The generator of a key in a registered keyspace, even if no caller on this node has read it; null: none is registered. It returns
    /// the same instance each time, is fast and never throws.
    /// </summary>
    public Func<string, GeneratorSource?>? SourceFor { get; init; }

    /// <summary>For tests: whether a step of the protocol is left out, with its subject where a test needs that.</summary>
    public Func<Step, object?, bool>? Omits { get; init; }
}
