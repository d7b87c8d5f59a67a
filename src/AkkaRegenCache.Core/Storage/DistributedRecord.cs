using System.Buffers.Binary;

namespace AkkaRegenCache.Storage;

/// <summary>What was found under a key of a distributed cache.</summary>
internal enum DistributedRecordKind
{
    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>A record that this version reads.</summary>
    Readable,

    /// <summary>A record in a newer version of the format: its token can be read, and no more.</summary>
    Newer,

    /// <summary>Bytes of another application.</summary>
    Foreign,
}

/// <summary>
/// A record as it lies in a distributed cache: a header, then the value's bytes as they are. All numbers are little-endian; times are UTC
/// in ticks of 100 ns since 1970, by the writer's clock.
/// </summary>
/// <remarks>
/// <code>
///  0  "ARC", 9E hexadecimal
///  4  version (2)
///  5  flags: 1 tombstone
///  6  header length, 2 bytes (72)
///  8  token
/// 16  end of the value or tombstone
/// 24  next due time; 0: nothing scheduled
/// 32  interval
/// 40  active until
/// 48  who wrote it: the store instance's number, by which it knows its own
/// 56  label; 0: none
/// 64  until when it may be used stale; 0: not at all
/// 72  the value in its envelope (see <see cref="Serialization.ValueEnvelope"/>)
/// </code>
/// <para>
/// The first 24 bytes mean the same in every version to come, so that an old node knows how new a record is that it can't read. A flag that
/// a reader doesn't know must be understood: to it the record is one of a newer version. Version 1 was never released and is foreign.
/// </para>
/// </remarks>
/// <param name="Kind">What it is.</param>
/// <param name="Facts">What the header says; of a newer version only the token and the end.</param>
/// <param name="Writer">Who wrote it.</param>
internal readonly record struct DistributedRecord(DistributedRecordKind Kind, RecordFacts Facts, long Writer)
{
    public const int HeaderLength = 72;

    private const int CommonLength = 24;
    private const byte Version = 2;
    private const byte TombstoneFlag = 1;

    private static readonly long s_latest = (DateTime.MaxValue - DateTime.UnixEpoch).Ticks;

    // Not valid text, so that no text is taken for a record.
    private static ReadOnlySpan<byte> Magic => [(byte)'A', (byte)'R', (byte)'C', 0x9E];

    /// <summary>Writes a header.</summary>
    /// <param name="facts">The record, in the store's own times.</param>
    /// <param name="writer">Who writes.</param>
    /// <param name="toUtc">The difference from the store's times to UTC.</param>
    /// <param name="header">Takes <see cref="HeaderLength"/> bytes.</param>
    public static void Write(in RecordFacts facts, long writer, long toUtc, Span<byte> header)
    {
        Magic.CopyTo(header);
        header[4] = Version;
        header[5] = facts.IsRemoved ? TombstoneFlag : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], HeaderLength);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], facts.Token);
        WriteTime(header[16..], facts.EndsAt);
        WriteTime(header[24..], facts.DueAt);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], facts.Interval);
        WriteTime(header[40..], facts.ActiveUntil);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], writer);
        header[56..HeaderLength].Clear();

        void WriteTime(Span<byte> target, long time) =>
            BinaryPrimitives.WriteInt64LittleEndian(target, time == 0 ? 0 : Math.Clamp(time + toUtc, 1, s_latest));
    }

    /// <summary>Reads a header; never throws.</summary>
    /// <param name="bytes">The record, or at least its header.</param>
    /// <param name="toUtc">The difference from the store's times to UTC.</param>
    public static DistributedRecord Read(ReadOnlySpan<byte> bytes, long toUtc)
    {
        var foreign = new DistributedRecord(DistributedRecordKind.Foreign, default, 0);
        if (bytes.Length < CommonLength || !bytes.StartsWith(Magic))
            return foreign;

        var version = bytes[4];
        var token = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);
        if (version < Version || token <= 0 || !TryReadTime(bytes[16..], out var ends))
            return foreign;
        if (version > Version || (bytes[5] & ~TombstoneFlag) != 0)
            return new(DistributedRecordKind.Newer, new RecordFacts(token, false, ends, 0, 0, 0), 0);

        if (bytes.Length < HeaderLength
            || BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]) != HeaderLength
            || !TryReadTime(bytes[24..], out var due)
            || !TryReadTime(bytes[40..], out var activeUntil))
        {
            return foreign;
        }

        var interval = BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]);
        if (interval < 0 || interval > s_latest)
            return foreign;
        var facts = new RecordFacts(token, (bytes[5] & TombstoneFlag) != 0, ends, due, interval, activeUntil);
        return new(DistributedRecordKind.Readable, facts, BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]));

        bool TryReadTime(ReadOnlySpan<byte> source, out long time)
        {
            var utc = BinaryPrimitives.ReadInt64LittleEndian(source);
            time = utc == 0 ? 0 : utc - toUtc;
            return utc >= 0 && utc <= s_latest;
        }
    }
}
