namespace AkkaRegenCache.Redis;

/// <summary>
/// A record as it lies in Redis: a header, then the value's bytes as they are; a tombstone is a header alone. All numbers are
/// little-endian, times are microseconds since 1970 by Redis' clock. The scripts write and read it; here it is written down and pinned by
/// tests.
/// </summary>
/// <remarks>
/// <code>
///  0  "ARV", 9E hexadecimal
///  4  version (2)
///  5  flags: 1 tombstone
///  6  header length, 2 bytes (64 or more)
///  8  token
/// 16  end of the value or tombstone
/// 24  next due time; 0: nothing scheduled
/// 32  interval
/// 40  active until, as it was when the record was accepted
/// 48  label; 0: none
/// 56  until when it may be used stale; 0: not at all
/// 64  what a later release may add, which need not be understood
///  n  the value in its envelope (see ValueEnvelope), where n is the header length
/// </code>
/// <para>
/// The first 24 bytes mean the same in every version to come, so that an old node knows how new a record is that it can't read. A flag that
/// a reader doesn't know must be understood: to it the record is one of a newer version. Version 1 was never released and is foreign.
/// </para>
/// </remarks>
internal static class RecordHeader
{
    public const int Length = 64;
    public const byte Version = 2;
}

/// <summary>What a script found under our names and can't read: in an entry, or as the store's epoch.</summary>
internal enum RecordWarning
{
    None,
    Foreign,
    Newer,
    WrongType,
    ForeignEpoch,
}
