using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>Whatever crosses nodes: all of it goes through <see cref="RegenSerializer"/>.</summary>
internal interface IWireMessage;

/// <summary>To the entity of a shard, through the region.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Body">A message of the core's to a coordinator, or one of those below.</param>
internal sealed record ToShard(int Shard, object Body) : IWireMessage;

/// <summary>To a node: to its agent, or to what it asked the store with.</summary>
/// <param name="Body">A notification, a coordinator's message, or one of those below.</param>
internal sealed record ToNode(object Body) : IWireMessage;

/// <summary>A message of a version to come, or none at all. Receivers ignore it.</summary>
/// <param name="Manifest">What it was called.</param>
internal sealed record UnknownMessage(string Manifest) : IWireMessage;

/// <summary>Keeps a shard's entity alive, so that due times are served without traffic.</summary>
internal sealed record ShardPing
{
    public static readonly ShardPing Instance = new();
}

// The store in the cluster.

/// <summary>Asks a shard's store.</summary>
/// <param name="Id">The asker's number for it.</param>
/// <param name="Request">A store request of the core's, or one of the batches below.</param>
/// <param name="PayloadLength">How long the value is that the shard must fetch from the asker before; 0: it is in the request.</param>
internal sealed record StoreAsk(long Id, object Request, int PayloadLength = 0);

/// <inheritdoc cref="IExternalStore.RenewAsync"/>
internal sealed record RenewBatch(IReadOnlyList<HeldClaim> Claims, TimeSpan Lease);

/// <inheritdoc cref="IExternalStore.TouchAsync"/>
internal sealed record TouchBatch(IReadOnlyList<KeyActivity> Activities);

/// <inheritdoc cref="IExternalStore.CheckAsync"/>
internal sealed record CheckBatch(IReadOnlyList<string> Keys);

/// <summary>A shard's answer.</summary>
/// <param name="Id">The asker's number.</param>
/// <param name="Answer">The answer.</param>
/// <param name="PayloadLength">How long its record's value is, which the asker must fetch; 0: it is in the answer.</param>
internal sealed record StoreReply(long Id, StoreAnswer Answer, int PayloadLength = 0);

/// <summary>A shard can't do it.</summary>
/// <param name="Id">The asker's number.</param>
/// <param name="Message">Why.</param>
internal sealed record StoreFailed(long Id, string Message);

/// <summary>A shard fetches a part of a value that is to be stored.</summary>
/// <param name="Id">The asker's number.</param>
/// <param name="Offset">From which byte on.</param>
/// <param name="Count">How many bytes; they come in several messages.</param>
internal sealed record PayloadWanted(long Id, int Offset, int Count);

/// <summary>A part of a value, either way.</summary>
/// <param name="Id">The asker's number.</param>
/// <param name="Offset">Where it belongs.</param>
/// <param name="Bytes">The part.</param>
internal sealed record PayloadChunk(long Id, int Offset, ReadOnlyMemory<byte> Bytes);

/// <summary>An asker fetches a part of a record's value.</summary>
/// <param name="Id">The asker's number.</param>
/// <param name="Key">The record's key.</param>
/// <param name="Token">The record's token.</param>
/// <param name="Offset">From which byte on.</param>
/// <param name="Count">How many bytes; they come in several messages.</param>
internal sealed record RecordWanted(long Id, string Key, long Token, int Offset, int Count);

/// <summary>
/// The record whose value is being fetched is there no more, or the request may have lain somewhere until nobody waits for it: who does
/// asks again.
/// </summary>
/// <param name="Id">The asker's number.</param>
internal sealed record AskAgain(long Id);

/// <summary>From agent to agent: a cache's node is here. Who has said nothing yet must be missed, too, when it dies: it may hold its first claim.</summary>
/// <param name="Node">The node's incarnation.</param>
/// <param name="IsAnswer">Whether it answers another's.</param>
internal sealed record NodeHello(string Node, bool IsAnswer);

/// <summary>From node to node, through a topic of DistributedPubSub: a message that awaiters may wait for.</summary>
/// <param name="Frame">The message with what is around it, in the core's own form, which has a version of its own.</param>
internal sealed record CorrelatedMessage(ReadOnlyMemory<byte> Frame);

// The hand-over of a shard's records.

/// <summary>To the nodes: a shard's entity stops, and its records are on their way to the next one.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Incarnation">The entity that stops.</param>
internal sealed record HandoffAnnounced(int Shard, long Incarnation);

/// <summary>A part of a shard's records, from an entity that has stopped to the next one.</summary>
/// <param name="Incarnation">The entity that has stopped.</param>
/// <param name="Index">The part's number, from 0 on.</param>
/// <param name="Count">How many parts there are.</param>
/// <param name="Epoch">The epoch of the store that goes on.</param>
/// <param name="Bytes">The part: a stretch of the records in the form of <see cref="SlotCodec"/>.</param>
internal sealed record HandoffPart(long Incarnation, int Index, int Count, string Epoch, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The whole is one array of bytes.</summary>
    private const int MaximumCount = int.MaxValue / WireLimits.Payload;

    /// <summary>Whether there can be such a part.</summary>
    public bool IsPossible => Count is >= 1 and <= MaximumCount && Index >= 0 && Index < Count && Bytes.Length <= WireLimits.Payload;
}
