namespace AkkaRegenCache.Protocol;

/// <summary>What a <see cref="NodeAgent"/> must be told once. Durations in ticks (100 ns).</summary>
internal sealed class AgentSettings
{
    /// <summary>This node's incarnation: never used before in the farm.</summary>
    public required string NodeId { get; init; }

    public required long Lease { get; init; }

    public required long Heartbeat { get; init; }

    /// <summary>The most entries that memory holds.</summary>
    public long MaximumEntries { get; init; } = long.MaxValue / 2;

    public required int MaximumBackground { get; init; }

    /// <summary>How many generators may run at once that callers wait for.</summary>
    public int MaximumForeground { get; init; } = int.MaxValue;

    /// <summary>How many keys may wait for their turn to be generated.</summary>
    public int MaximumQueued { get; init; } = int.MaxValue;

    public required int InlineBytes { get; init; }

    /// <summary>Whether the store tells the other nodes of commits by itself; may be found out late. Null: it never does.</summary>
    public Func<bool>? StoreAnnounces { get; init; }

    /// <summary>The longest a reader waits for the store; a try gets half of it.</summary>
    public required long ReadTimeout { get; init; }

    /// <summary>The longest a write takes, and whoever waits for it waits.</summary>
    public required long WriteTimeout { get; init; }

    public required int FailuresToBreak { get; init; }

    public required long BreakDuration { get; init; }

    public required int MaximumPendingChanges { get; init; }

    /// <inheritdoc cref="Storage.IExternalStore.Partitions"/>
    public int Partitions { get; init; } = 1;

    /// <summary>The part of a key; null: there is but one.</summary>
    public Func<string, int>? PartitionOf { get; init; }

    /// <summary>How many shards have a coordinator; 0: there are none.</summary>
    public int Shards { get; init; }

    /// <summary>The shard of a key.</summary>
    public Func<string, int>? ShardOf { get; init; }

    /// <summary>
    /// What generates a key of a registered keyspace, also one that nobody has read here; null: nothing is registered for it. The same instance each
    /// time; quick, and never throws.
    /// </summary>
    public Func<string, GeneratorSource?>? SourceFor { get; init; }

    /// <summary>For tests: whether a step of the protocol is left out. With what it concerns, where a test needs that.</summary>
    public Func<Step, object?, bool>? Omits { get; init; }
}
