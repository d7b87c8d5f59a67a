using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>The formats of the cluster's own messages.</summary>
internal static class ClusterFormats
{
    public static IReadOnlyList<Format> All { get; } =
    [
        Format.Of<ShardPing>("p1", static (_, _) => { }, static _ => ShardPing.Instance),
        Format.Of<StoreFailed>("f1", static (w, m) => { w.Long(m.Id); w.Text(m.Message); },
            static r => new StoreFailed(r.Long(), r.Text())),
        Format.Of<PayloadWanted>(
            "pw1",
            static (w, m) => { w.Long(m.Id); w.Int(m.Offset); w.Int(m.Count); },
            static r => new PayloadWanted(r.Long(), r.Int(), r.Int())),
        Format.Of<PayloadChunk>(
            "pc1",
            static (w, m) => { w.Long(m.Id); w.Int(m.Offset); w.Bytes(m.Bytes); },
            static r => new PayloadChunk(r.Long(), r.Int(), r.Bytes())),
        Format.Of<RecordWanted>(
            "rw1",
            static (w, m) => { w.Long(m.Id); w.Text(m.Key); w.Long(m.Token); w.Int(m.Offset); w.Int(m.Count); },
            static r => new RecordWanted(r.Long(), r.Text(), r.Long(), r.Int(), r.Int())),
        Format.Of<AskAgain>("rg1", static (w, m) => w.Long(m.Id), static r => new AskAgain(r.Long())),
        Format.Of<NodeHello>("nh1", static (w, m) => { w.Text(m.Node); w.Int(m.IsAnswer ? 1 : 0); },
            static r => new NodeHello(r.Text(), r.Int() != 0)),
        Format.Of<CorrelatedMessage>("cm1", static (w, m) => w.Bytes(m.Frame), static r => new CorrelatedMessage(r.Bytes())),
        Format.Of<HandoffAnnounced>(
            "ha1",
            static (w, m) => { w.Int(m.Shard); w.Long(m.Incarnation); },
            static r => new HandoffAnnounced(r.Int(), r.Long())),
        Format.Of<HandoffPart>(
            "hp1",
            static (w, m) => { w.Long(m.Incarnation); w.Int(m.Index); w.Int(m.Count); w.Text(m.Epoch); w.Bytes(m.Bytes); },
            static r => new HandoffPart(r.Long(), r.Int(), r.Int(), r.Text(), r.Bytes()) is { IsPossible: true } part
                ? part
                : throw new FormatException("no part of a hand-over")),
    ];
}
