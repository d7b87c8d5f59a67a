using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

// From a node to the coordinator of a key's shard. All of these are hints. A lost, late, doubled or false one costs time and breaks no
// promise.

/// <summary>A message from a node to a coordinator.</summary>
internal abstract record ToCoordinator
{
    /// <summary>The node incarnation that sends the message. It is the one that claims at the store.</summary>
    public required string Node { get; init; }
}

/// <summary>The store has granted this node the claim of a key.</summary>
internal sealed record ClaimHeld : ToCoordinator
{
    public required string Key { get; init; }

    public required long Token { get; init; }

    /// <summary>The claim has ended after this time, at the latest.</summary>
    public required TimeSpan EndsIn { get; init; }
}

/// <summary>Callers on this node wait for the outcome of another node's claim.</summary>
internal sealed record ClaimAwaited : ToCoordinator
{
    public required string Key { get; init; }

    public required long Token { get; init; }

    /// <summary>The node incarnation that holds the claim.</summary>
    public required string Holder { get; init; }
}

/// <summary>No caller on this node waits for the key any more.</summary>
internal sealed record AwaitEnded : ToCoordinator
{
    public required string Key { get; init; }
}

/// <summary>
/// What became of a key on this node: a claim's outcome, a set or a removal. The notification is the one that all nodes receive. The value
/// is left out where no node waits for the coordinator to deliver it.
/// </summary>
internal sealed record OutcomeKnown : ToCoordinator
{
    public required CacheNotification Outcome { get; init; }

    /// <summary>A regeneration may start up to this late, at random.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Whether this node can regenerate the key.</summary>
    public bool Offers { get; init; }
}

/// <summary>Keys that this node has learned to regenerate.</summary>
internal sealed record KeysOffered : ToCoordinator
{
    public required IReadOnlyList<OfferedKey> Keys { get; init; }
}

/// <summary>A key that a node can regenerate.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">The token of the value the node knows.</param>
/// <param name="DueIn">When the next one is due; null: the node doesn't know.</param>
/// <param name="ActiveFor">How much longer the key stays active, as far as the node knows.</param>
/// <param name="Jitter">A regeneration may start up to this late.</param>
internal readonly record struct OfferedKey(string Key, long Token, TimeSpan? DueIn, TimeSpan ActiveFor, TimeSpan Jitter);

/// <summary>This node declines to regenerate a key.</summary>
internal sealed record RegenerationDeclined : ToCoordinator
{
    public required string Key { get; init; }

    /// <summary>Whether no node should regenerate the key: it was removed, or is not active any more.</summary>
    public bool IsOver { get; init; }

    /// <summary>When the key is due, by the store; null: the store does not say, only this node can't regenerate the key.</summary>
    public TimeSpan? DueIn { get; init; }
}

/// <summary>This node leaves: it does not regenerate any more.</summary>
internal sealed record NodeLeaving : ToCoordinator;

/// <summary>A batch of what a node knows of a shard's keys: the answer to <see cref="ResyncRequested"/>.</summary>
internal sealed record ResyncAnswered : ToCoordinator
{
    public required long Incarnation { get; init; }

    public IReadOnlyList<ClaimHeld> Held { get; init; } = [];

    public IReadOnlyList<ClaimAwaited> Awaited { get; init; } = [];

    public IReadOnlyList<OfferedKey> Offered { get; init; } = [];
}

/// <summary>
/// Records that this node still shows, for a partition of the store that began a new epoch without them. They go to the partition itself,
/// where coordinator and store are one. A coordinator does not use them.
/// </summary>
internal sealed record RecordsRecovered : ToCoordinator
{
    /// <summary>The epoch they are for.</summary>
    public required string Epoch { get; init; }

    public required IReadOnlyList<RecoveryRecord> Records { get; init; }
}

/// <summary>A record as a node shows it.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">Its token.</param>
/// <param name="Payload">The value. The machine leaves it empty; its shell fills it in.</param>
/// <param name="FreshFor">How much longer it is fresh.</param>
/// <param name="Interval">The schedule's interval; zero: nothing is scheduled.</param>
/// <param name="DueIn">When the next one is due, about.</param>
/// <param name="ActiveFor">How much longer the key stays active, as far as the node knows.</param>
internal readonly record struct RecoveryRecord(
    string Key, long Token, Storage.CachePayload? Payload, TimeSpan FreshFor, TimeSpan Interval, TimeSpan? DueIn, TimeSpan ActiveFor);

// From a coordinator to a node.

/// <summary>A message from a coordinator to a node.</summary>
internal abstract record FromCoordinator
{
    /// <summary>The sender's shard.</summary>
    public required int Shard { get; init; }

    /// <summary>The coordinator's incarnation: a later one has a higher number.</summary>
    public required long Incarnation { get; init; }
}

/// <summary>The holder of a claim that this node waits for is believed dead: claim the key and steal the dead node's claim.</summary>
internal sealed record ClaimOrphaned : FromCoordinator
{
    public required string Key { get; init; }

    public required long Token { get; init; }

    public required string Holder { get; init; }
}

/// <summary>The outcome of a claim that this node waits for.</summary>
internal sealed record OutcomePushed : FromCoordinator
{
    public required CacheNotification Outcome { get; init; }
}

/// <summary>A key is due, and this node is chosen to regenerate it.</summary>
internal sealed record RegenerationDue : FromCoordinator
{
    public required string Key { get; init; }

    /// <summary>A node that is believed dead and whose claim may still stand.</summary>
    public string? Orphan { get; init; }
}

/// <summary>A new coordinator asks all nodes what they hold, wait for and can regenerate.</summary>
internal sealed record ResyncRequested : FromCoordinator;

// From their shells to coordinators and nodes.

/// <summary>A node is believed dead: its process has ended or can't be reached. The next message from it ends the suspicion.</summary>
internal sealed class NodeDown(string node)
{
    public string Node { get; } = node;
}
