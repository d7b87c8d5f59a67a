using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace AkkaRegenCache.Serialization;

/// <summary>
/// What goes around a serialized value, the same wherever it lies or travels (Redis, a distributed cache, a shard's memory, a hand-over, a notification):
/// whether there is a value, and fields that say more about it. Stores and wires carry it as bytes and don't look into it.
/// </summary>
/// <remarks>
/// <code>
/// 0  flags: 1 fields follow, 2 there is a value (else the value is null)
/// 1  where fields follow: of each its tag and its length, 7 bits to a byte, low ones first, and its bytes; tag 0 ends them
/// n  the value's bytes
/// </code>
/// <para>
/// <b>What a release may add without breaking its predecessors.</b> A field with an even tag may be passed over by a reader that doesn't know it. One with an odd tag
/// must be understood: to a reader that doesn't know it the value is one that it can't read, which is a miss (<see cref="UnreadableValues"/>). The same holds for a
/// flag that isn't known. Tags are given out once, here; none is yet.
/// </para>
/// </remarks>
internal static class ValueEnvelope
{
    /// <summary>The most fields that are read: more are somebody else's bytes.</summary>
    public const int MostFields = 64;

    private const byte HasFields = 1;
    private const byte HasValue = 2;

    /// <summary>Writes all that goes before the value.</summary>
    /// <param name="target">Takes it; the value's bytes are to follow.</param>
    /// <param name="hasValue">Whether the value isn't null.</param>
    /// <param name="fields">The fields; tags above 0.</param>
    public static void Write(IBufferWriter<byte> target, bool hasValue, IReadOnlyList<ValueField>? fields = null)
    {
        var flags = (hasValue ? HasValue : 0) | (fields is { Count: > 0 } ? HasFields : 0);
        target.GetSpan(1)[0] = (byte)flags;
        target.Advance(1);
        if ((flags & HasFields) == 0)
            return;
        foreach (var field in fields!)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(field.Tag, 1, nameof(fields));
            WriteNumber(target, field.Tag);
            WriteNumber(target, field.Bytes.Length);
            target.Write(field.Bytes.Span);
        }

        WriteNumber(target, 0);
    }

    /// <summary>Takes an envelope apart. Never throws.</summary>
    /// <param name="bytes">The envelope and the value.</param>
    /// <param name="understands">Which fields that must be understood the reader understands; null: none.</param>
    /// <param name="hasValue">Whether the value isn't null.</param>
    /// <param name="value">The value's bytes.</param>
    /// <param name="error">Why it can't be read.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> bytes, Func<int, bool>? understands, out bool hasValue, out ReadOnlyMemory<byte> value, [NotNullWhen(false)] out string? error)
    {
        (hasValue, value, error) = (false, default, "is not a value of this version of the cache");
        if (bytes.Length == 0 || (bytes.Span[0] & ~(HasFields | HasValue)) != 0)
            return false;
        hasValue = (bytes.Span[0] & HasValue) != 0;
        var at = 1;
        if ((bytes.Span[0] & HasFields) != 0)
        {
            for (var fields = 0; ; fields++)
            {
                if (!TryReadNumber(bytes.Span, ref at, out var tag))
                    return false;
                if (tag == 0)
                    break;
                if (fields == MostFields || !TryReadNumber(bytes.Span, ref at, out var length) || length > bytes.Length - at)
                    return false;
                if (tag % 2 != 0 && understands?.Invoke(tag) != true)
                {
                    error = $"was written by a newer version of the cache, with a field ({tag}) that a reader must understand";
                    return false;
                }

                at += length;
            }
        }

        value = bytes[at..];
        error = null;
        return true;
    }

    private static void WriteNumber(IBufferWriter<byte> target, int number)
    {
        var span = target.GetSpan(5);
        var length = 0;
        for (; number >= 0x80; number >>= 7)
            span[length++] = (byte)(number | 0x80);
        span[length++] = (byte)number;
        target.Advance(length);
    }

    private static bool TryReadNumber(ReadOnlySpan<byte> bytes, ref int at, out int number)
    {
        number = 0;
        for (var shift = 0; shift < 28; shift += 7)
        {
            if (at >= bytes.Length)
                return false;
            var next = bytes[at++];
            number |= (next & 0x7f) << shift;
            if (next < 0x80)
                return true;
        }

        return false;
    }
}

/// <summary>A field of a value's envelope.</summary>
/// <param name="Tag">Above 0, below 2^28; odd: a reader must understand it.</param>
/// <param name="Bytes">Its content.</param>
internal readonly record struct ValueField(int Tag, ReadOnlyMemory<byte> Bytes);
