using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>A message between nodes. All of them go through <see cref="RegenSerializer"/>.</summary>
internal interface IWireMessage;

/// <summary>To a shard's entity, through the region.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Body">A message of the core to a coordinator, or one of those below.</param>
internal sealed record ToShard(int Shard, object Body) : IWireMessage;

/// <summary>To a node: to its agent, or to the actor that asked the store.</summary>
/// <param name="Body">A notification, a coordinator's message, or one of those below.</param>
internal sealed record ToNode(object Body) : IWireMessage;

/// <summary>A message of a later version, or an invalid one. Receivers ignore it.</summary>
/// <param name="Manifest">Its manifest.</param>
internal sealed record UnknownMessage(string Manifest) : IWireMessage;

/// <summary>Keeps a shard's entity running, so that due times are served without traffic.</summary>
internal sealed record ShardPing
{
    public static readonly ShardPing Instance = new();
}

// The store in the cluster.

/// <summary>A request to a shard's store.</summary>
/// <param name="Id">The sender's number for it.</param>
/// <param name="Request">A store request of the core, or one of the batches below.</param>
/// <param name="PayloadLength">The length of a value that the shard must fetch from the sender first; 0: it is in the request.</param>
internal sealed record StoreAsk(long Id, object Request, int PayloadLength = 0);

/// <inheritdoc cref="IExternalStore.RenewAsync"/>
internal sealed record RenewBatch(IReadOnlyList<HeldClaim> Claims, TimeSpan Lease);

/// <inheritdoc cref="IExternalStore.TouchAsync"/>
internal sealed record TouchBatch(IReadOnlyList<KeyActivity> Activities);

/// <inheritdoc cref="IExternalStore.CheckAsync"/>
internal sealed record CheckBatch(IReadOnlyList<string> Keys);

/// <summary>A shard's answer.</summary>
/// <param name="Id">The number of the request.</param>
/// <param name="Answer">The answer.</param>
/// <param name="PayloadLength">The length of the record's value, which the receiver must fetch; 0: it is in the answer.</param>
internal sealed record StoreReply(long Id, StoreAnswer Answer, int PayloadLength = 0);

/// <summary>The shard could not do a request.</summary>
/// <param name="Id">The number of the request.</param>
/// <param name="Message">The error.</param>
internal sealed record StoreFailed(long Id, string Message);

/// <summary>The shard fetches a part of a value that is to be stored.</summary>
/// <param name="Id">The number of the request.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Count">The number of bytes; they come in several messages.</param>
internal sealed record PayloadWanted(long Id, int Offset, int Count);

/// <summary>A part of a value, in either direction.</summary>
/// <param name="Id">The number of the request.</param>
/// <param name="Offset">The position of its first byte.</param>
/// <param name="Bytes">The part.</param>
internal sealed record PayloadChunk(long Id, int Offset, ReadOnlyMemory<byte> Bytes);

/// <summary>The sender of a request fetches a part of a record's value.</summary>
/// <param name="Id">The number of the request.</param>
/// <param name="Key">The record's key.</param>
/// <param name="Token">The record's token.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Count">The number of bytes; they come in several messages.</param>
internal sealed record RecordWanted(long Id, string Key, long Token, int Offset, int Count);

/// <summary>
/// The record whose value is fetched was replaced, or the request may have been buffered until its caller gave up. A sender that still
/// waits asks again.
/// </summary>
/// <param name="Id">The number of the request.</param>
internal sealed record AskAgain(long Id);

/// <summary>
/// From agent to agent: announces a node. A node must be known before its first notification, because it may die while it holds its first
/// claim.
/// </summary>
/// <param name="Node">The node's incarnation.</param>
/// <param name="IsAnswer">Whether it answers another node's.</param>
internal sealed record NodeHello(string Node, bool IsAnswer);

/// <summary>From node to node, through a topic of DistributedPubSub: a message that awaiters may wait for.</summary>
/// <param name="Frame">The message in its frame, in the core's own format, which has its own version.</param>
internal sealed record CorrelatedMessage(ReadOnlyMemory<byte> Frame);

// The handoff of a shard's records.

/// <summary>To the nodes: a shard's entity stops, and its records are on their way to the next one.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Incarnation">The entity that stops.</param>
internal sealed record HandoffAnnounced(int Shard, long Incarnation);

/// <summary>A part of a shard's records, from the stopped entity to the next one.</summary>
/// <param name="Incarnation">The entity that has stopped.</param>
/// <param name="Index">The part's number, from 0 on.</param>
/// <param name="Count">The number of parts.</param>
/// <param name="Epoch">The epoch of the store, which continues.</param>
/// <param name="Bytes">A part of the records in the format of <see cref="SlotCodec"/>.</param>
internal sealed record HandoffPart(long Incarnation, int Index, int Count, string Epoch, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>All parts together are one array of bytes.</summary>
    private const int MaximumCount = int.MaxValue / WireLimits.Payload;

    /// <summary>Whether the fields are valid.</summary>
    public bool IsPossible => Count is >= 1 and <= MaximumCount && Index >= 0 && Index < Count && Bytes.Length <= WireLimits.Payload;
}
