using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>The formats of notifications, and of messages between nodes and coordinators.</summary>
internal static class CoordinatorFormats
{
    public static IReadOnlyList<Format> All { get; } =
    [
        Format.Of<CacheNotification>("n1", WriteNotification, ReadNotification),
        Format.Of<ClaimHeld>("ch1", static (w, m) => { w.Text(m.Node); WriteHeld(w, m); }, static r => ReadHeld(r, r.Text())),
        Format.Of<ClaimAwaited>("ca1", static (w, m) => { w.Text(m.Node); WriteAwaited(w, m); }, static r => ReadAwaited(r, r.Text())),
        Format.Of<AwaitEnded>(
            "ae1",
            static (w, m) => { w.Text(m.Node); w.Text(m.Key); },
            static r => new AwaitEnded { Node = r.Text(), Key = r.Text() }),
        Format.Of<OutcomeKnown>(
            "ok1",
            static (w, m) => { w.Text(m.Node); w.Time(m.Jitter); w.Flag(m.Offers); WriteNotification(w, m.Outcome); },
            static r => new OutcomeKnown { Node = r.Text(), Jitter = r.Time(), Offers = r.Flag(), Outcome = ReadNotification(r) }),
        Format.Of<KeysOffered>(
            "ko1",
            static (w, m) => { w.Text(m.Node); w.List(m.Keys, WriteOffered); },
            static r => new KeysOffered { Node = r.Text(), Keys = r.List(ReadOffered) }),
        Format.Of<RegenerationDeclined>(
            "rd1",
            static (w, m) => { w.Text(m.Node); w.Text(m.Key); w.Flag(m.IsOver); w.OptionalTime(m.DueIn); },
            static r => new RegenerationDeclined { Node = r.Text(), Key = r.Text(), IsOver = r.Flag(), DueIn = r.OptionalTime() }),
        Format.Of<NodeLeaving>("nl1", static (w, m) => w.Text(m.Node), static r => new NodeLeaving { Node = r.Text() }),
        Format.Of<ResyncAnswered>("sa1", WriteResync, ReadResync),
        Format.Of<RecordsRecovered>(
            "rk1",
            static (w, m) => { w.Text(m.Node); w.Text(m.Epoch); w.List(m.Records, WriteRecovery); },
            static r => new RecordsRecovered { Node = r.Text(), Epoch = r.Text(), Records = r.List(ReadRecovery) }),
        Format.Of<ClaimOrphaned>(
            "co1",
            static (w, m) => { WriteFrom(w, m); w.Text(m.Key); w.Long(m.Token); w.Text(m.Holder); },
            static r => new ClaimOrphaned { Shard = r.Int(), Incarnation = r.Long(), Key = r.Text(), Token = r.Long(), Holder = r.Text() }),
        Format.Of<OutcomePushed>(
            "op1",
            static (w, m) => { WriteFrom(w, m); WriteNotification(w, m.Outcome); },
            static r => new OutcomePushed { Shard = r.Int(), Incarnation = r.Long(), Outcome = ReadNotification(r) }),
        Format.Of<RegenerationDue>(
            "du1",
            static (w, m) => { WriteFrom(w, m); w.Text(m.Key); w.OptionalText(m.Orphan); },
            static r => new RegenerationDue { Shard = r.Int(), Incarnation = r.Long(), Key = r.Text(), Orphan = r.OptionalText() }),
        Format.Of<ResyncRequested>("sv1", WriteFrom, static r => new ResyncRequested { Shard = r.Int(), Incarnation = r.Long() }),
    ];

    private static void WriteFrom(WireWriter writer, FromCoordinator message)
    {
        writer.Int(message.Shard);
        writer.Long(message.Incarnation);
    }

    private static void WriteHeld(WireWriter writer, ClaimHeld held)
    {
        writer.Text(held.Key);
        writer.Long(held.Token);
        writer.Time(held.EndsIn);
    }

    private static ClaimHeld ReadHeld(WireReader reader, string node) =>
        new() { Node = node, Key = reader.Text(), Token = reader.Long(), EndsIn = reader.Time() };

    private static void WriteAwaited(WireWriter writer, ClaimAwaited awaited)
    {
        writer.Text(awaited.Key);
        writer.Long(awaited.Token);
        writer.Text(awaited.Holder);
    }

    private static ClaimAwaited ReadAwaited(WireReader reader, string node) =>
        new() { Node = node, Key = reader.Text(), Token = reader.Long(), Holder = reader.Text() };

    private static void WriteOffered(WireWriter writer, OfferedKey offered)
    {
        writer.Text(offered.Key);
        writer.Long(offered.Token);
        writer.OptionalTime(offered.DueIn);
        writer.Time(offered.ActiveFor);
        writer.Time(offered.Jitter);
    }

    private static OfferedKey ReadOffered(WireReader reader) =>
        new(reader.Text(), reader.Long(), reader.OptionalTime(), reader.Time(), reader.Time());

    private static void WriteRecovery(WireWriter writer, RecoveryRecord kept)
    {
        writer.Text(kept.Key);
        writer.Long(kept.Token);
        writer.OptionalPayload(kept.Payload);
        writer.Time(kept.FreshFor);
        writer.Time(kept.Interval);
        writer.OptionalTime(kept.DueIn);
        writer.Time(kept.ActiveFor);
    }

    private static RecoveryRecord ReadRecovery(WireReader reader) => new(
        reader.Text(), reader.Long(), reader.OptionalPayload(), reader.Time(), reader.Time(), reader.OptionalTime(), reader.Time());

    private static void WriteResync(WireWriter writer, ResyncAnswered resync)
    {
        writer.Text(resync.Node);
        writer.Long(resync.Incarnation);
        writer.List(resync.Held, WriteHeld);
        writer.List(resync.Awaited, WriteAwaited);
        writer.List(resync.Offered, WriteOffered);
    }

    private static ResyncAnswered ReadResync(WireReader reader)
    {
        var node = reader.Text();
        return new ResyncAnswered
        {
            Node = node,
            Incarnation = reader.Long(),
            Held = reader.List(r => ReadHeld(r, node)),
            Awaited = reader.List(r => ReadAwaited(r, node)),
            Offered = reader.List(ReadOffered),
        };
    }

    private static void WriteNotification(WireWriter writer, CacheNotification notification)
    {
        writer.Byte((byte)notification.Kind);
        writer.Text(notification.Publisher);
        writer.Long(notification.Sequence);
        writer.Text(notification.Epoch);
        if (notification.Kind == NotificationKind.Heartbeat)
            return;
        writer.Text(notification.Key);
        writer.Long(notification.Token);
        if (notification.Kind == NotificationKind.WaitProbe)
        {
            writer.Flag(notification.Probe is not null);
            if (notification.Probe is { } probe)
                WriteProbe(writer, probe);
            return;
        }

        writer.Time(notification.FreshFor);
        writer.OptionalTime(notification.DueIn);
        writer.Time(notification.ActiveFor);
        writer.OptionalFailure(notification.Failure);
        writer.OptionalPayload(notification.Payload);
    }

    private static CacheNotification ReadNotification(WireReader reader)
    {
        var kind = reader.Enum(NotificationKind.WaitProbe);
        var publisher = reader.Text();
        var sequence = reader.Long();
        var epoch = reader.Text();
        if (kind == NotificationKind.Heartbeat)
            return new CacheNotification { Kind = kind, Publisher = publisher, Sequence = sequence, Epoch = epoch };
        var key = reader.Text();
        var token = reader.Long();
        if (kind == NotificationKind.WaitProbe)
        {
            return new CacheNotification
            {
                Kind = kind,
                Publisher = publisher,
                Sequence = sequence,
                Epoch = epoch,
                Key = key,
                Token = token,
                Probe = reader.Flag() ? ReadProbe(reader) : null,
            };
        }

        return new CacheNotification
        {
            Kind = kind,
            Publisher = publisher,
            Sequence = sequence,
            Epoch = epoch,
            Key = key,
            Token = token,
            FreshFor = reader.Time(),
            DueIn = reader.OptionalTime(),
            ActiveFor = reader.Time(),
            Failure = reader.OptionalFailure(),
            Payload = reader.OptionalPayload(),
        };
    }

    private static void WriteProbe(WireWriter writer, WaitProbe probe)
    {
        writer.Text(probe.Initiator);
        writer.Long(probe.Wait);
        writer.Int(probe.Round);
        writer.Text(probe.Victim);
        writer.List(probe.Path, static (w, key) => w.Text(key));
    }

    private static WaitProbe ReadProbe(WireReader reader)
    {
        var probe = new WaitProbe
        {
            Initiator = reader.Text(),
            Wait = reader.Long(),
            Round = reader.Int(),
            Victim = reader.Text(),
            Path = reader.List(static r => r.Text()),
        };
        return probe.Path.Count <= WaitProbe.MostKeys ? probe : throw new FormatException("a path beyond its bound");
    }
}
