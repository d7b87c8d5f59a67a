using System.Text;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Redis;

/// <summary>
/// The binary format of a notification. Strings are UTF-8 after their length. Counts, lengths and times have 7 bits in each byte, low ones
/// first. Times are ticks of 100 ns.
/// </summary>
/// <remarks>
/// <code>
/// 0  A6 hexadecimal
/// 1  version (2)
/// 2  kind
/// 3  flags: 1 a value, 2 a due time, 4 a failure, 8 a wait probe
/// 4  publisher, sequence, epoch; then, but in a heartbeat: key, token;
///    of a fresh value: fresh for, active for; by flags: due in; error type, message;
///    initiator, wait, round, victim, count of keys, keys; the value's length and bytes
/// </code>
/// </remarks>
internal static class NotificationFormat
{
    private const byte Magic = 0xA6;
    private const byte Version = 2;
    private const byte HasValue = 1;
    private const byte HasDue = 2;
    private const byte HasFailure = 4;
    private const byte HasProbe = 8;

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    public static byte[] Write(CacheNotification notification)
    {
        var value = notification.Payload?.Bytes;
        using var stream = new MemoryStream(256 + (value?.Length ?? 0));

        // Does not throw on invalid characters: an exception's message may contain anything.
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(Magic);
        writer.Write(Version);
        writer.Write((byte)notification.Kind);
        writer.Write((byte)((value is null ? 0 : HasValue)
            | (notification.DueIn is null ? 0 : HasDue)
            | (notification.Failure is null ? 0 : HasFailure)
            | (notification.Probe is null ? 0 : HasProbe)));
        writer.Write(notification.Publisher);
        writer.Write7BitEncodedInt64(notification.Sequence);
        writer.Write(notification.Epoch);
        if (notification.Kind == NotificationKind.Heartbeat)
            return stream.ToArray();

        writer.Write(notification.Key);
        writer.Write7BitEncodedInt64(notification.Token);
        if (notification.Kind == NotificationKind.Fresh)
        {
            writer.Write7BitEncodedInt64(notification.FreshFor.Ticks);
            writer.Write7BitEncodedInt64(notification.ActiveFor.Ticks);
        }

        if (notification.DueIn is { } due)
            writer.Write7BitEncodedInt64(due.Ticks);
        if (notification.Failure is { } failure)
        {
            writer.Write(failure.Type);
            writer.Write(failure.Message);
        }

        if (notification.Probe is { } probe)
            WriteProbe(writer, probe);
        if (value is { } bytes)
        {
            writer.Write7BitEncodedInt(bytes.Length);
            writer.Write(bytes.Span);
        }

        return stream.ToArray();
    }

    /// <summary>The parts from which a script builds a notification: publisher with number, and key.</summary>
    public static (byte[] Publisher, byte[] Key) AnnouncementParts(CommitAnnouncement announcement, string key)
    {
        using var publisher = new MemoryStream();
        using (var writer = new BinaryWriter(publisher, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(announcement.Publisher);
            writer.Write7BitEncodedInt64(announcement.Sequence);
        }

        using var name = new MemoryStream();
        using (var writer = new BinaryWriter(name, Encoding.UTF8, leaveOpen: true))
            writer.Write(key);
        return (publisher.ToArray(), name.ToArray());
    }

    /// <summary>Reads a notification; null if the bytes are none, or are of a later version. Never throws.</summary>
    public static CacheNotification? Read(byte[] bytes)
    {
        if (bytes.Length < 4 || bytes[0] != Magic || bytes[1] != Version
            || bytes[2] > (byte)NotificationKind.WaitProbe || bytes[3] > (HasValue | HasDue | HasFailure | HasProbe))
        {
            return null;
        }

        try
        {
            using var reader = new BinaryReader(new MemoryStream(bytes, 4, bytes.Length - 4), s_utf8);
            var notification = Read(reader, (NotificationKind)bytes[2], bytes[3]);
            return reader.BaseStream.Position == reader.BaseStream.Length ? notification : null;
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private static CacheNotification Read(BinaryReader reader, NotificationKind kind, byte flags)
    {
        var publisher = reader.ReadString();
        var sequence = reader.Read7BitEncodedInt64();
        var epoch = reader.ReadString();
        if (kind == NotificationKind.Heartbeat)
            return new CacheNotification { Publisher = publisher, Sequence = sequence, Kind = kind, Epoch = epoch };

        var key = reader.ReadString();
        var token = reader.Read7BitEncodedInt64();
        var isFresh = kind == NotificationKind.Fresh;
        var freshFor = isFresh ? reader.Read7BitEncodedInt64() : 0;
        var activeFor = isFresh ? reader.Read7BitEncodedInt64() : 0;
        var due = (flags & HasDue) != 0 ? reader.Read7BitEncodedInt64() : default(long?);
        var failure = (flags & HasFailure) != 0 ? new GenerationFailure(reader.ReadString(), reader.ReadString()) : null;
        var probe = (flags & HasProbe) != 0 ? ReadProbe(reader) : null;
        CachePayload? payload = null;
        if ((flags & HasValue) != 0)
        {
            // The length is checked before anything is allocated.
            var length = reader.Read7BitEncodedInt();
            if (length < 0 || length > reader.BaseStream.Length - reader.BaseStream.Position)
                throw new FormatException();
            payload = CachePayload.FromBytes(reader.ReadBytes(length));
        }

        return new CacheNotification
        {
            Publisher = publisher,
            Sequence = sequence,
            Kind = kind,
            Epoch = epoch,
            Key = key,
            Token = token,
            FreshFor = TimeSpan.FromTicks(freshFor),
            ActiveFor = TimeSpan.FromTicks(activeFor),
            DueIn = due is { } ticks ? TimeSpan.FromTicks(ticks) : null,
            Failure = failure,
            Probe = probe,
            Payload = payload,
        };
    }

    private static void WriteProbe(BinaryWriter writer, WaitProbe probe)
    {
        writer.Write(probe.Initiator);
        writer.Write7BitEncodedInt64(probe.Wait);
        writer.Write7BitEncodedInt(probe.Round);
        writer.Write(probe.Victim);
        writer.Write7BitEncodedInt(probe.Path.Count);
        foreach (var key in probe.Path)
            writer.Write(key);
    }

    private static WaitProbe ReadProbe(BinaryReader reader)
    {
        var probe = new WaitProbe
        {
            Initiator = reader.ReadString(),
            Wait = reader.Read7BitEncodedInt64(),
            Round = reader.Read7BitEncodedInt(),
            Victim = reader.ReadString(),
        };
        var path = new string[Checked(reader.Read7BitEncodedInt())];
        for (var i = 0; i < path.Length; i++)
            path[i] = reader.ReadString();
        return probe with { Path = path };

        static int Checked(int keys) => keys is >= 0 and <= WaitProbe.MostKeys ? keys : throw new FormatException();
    }
}
