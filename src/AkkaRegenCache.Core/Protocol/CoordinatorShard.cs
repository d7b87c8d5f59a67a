namespace AkkaRegenCache.Protocol;

/// <summary>What a <see cref="CoordinatorShard"/> must be told once.</summary>
internal sealed class CoordinatorSettings
{
    /// <summary>The shard it is for.</summary>
    public required int Shard { get; init; }

    /// <summary>This incarnation's number: higher than those of all before it.</summary>
    public required long Incarnation { get; init; }
}

/// <summary>The second deterministic machine.</summary>
internal class CoordinatorShard
{
    public CoordinatorShard(CoordinatorSettings settings, Random random)
    {
    }

    /// <summary>When it wants to be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public virtual long NextDeadline => long.MaxValue;

    /// <summary>Takes a message (a <see cref="ToCoordinator"/>, a <see cref="NodeDown"/> or a <see cref="Tick"/>); serves the deadlines that have come.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks (100 ns).</param>
    /// <param name="outbox">Gets what is to be told.</param>
    public virtual void On(object message, long now, CoordinatorOutbox outbox)
    {
    }
}
