using System.Buffers.Binary;

namespace AkkaRegenCache.Awaiting;

/// <summary>A correlated message as it travels, whatever carries it.</summary>
/// <remarks>
/// <code>
/// 0  A7 hexadecimal
/// 1  version (1)
/// 2  origin: a number drawn at random by the sending node, 8 bytes, low ones first
/// 10 the message, as ValueCodec writes it
/// </code>
/// A newer version is not read by an older one, which drops it: to those who wait there it is a lost message.
/// </remarks>
internal static class CorrelatedFrame
{
    /// <summary>How many bytes are before the message.</summary>
    public const int HeaderLength = 10;

    private const byte Magic = 0xA7;
    private const byte Version = 1;

    public static byte[] Write(long origin, ReadOnlySpan<byte> message)
    {
        var frame = new byte[HeaderLength + message.Length];
        frame[0] = Magic;
        frame[1] = Version;
        BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(2), origin);
        message.CopyTo(frame.AsSpan(HeaderLength));
        return frame;
    }

    /// <summary>Reads a frame.</summary>
    /// <param name="frame">Whatever has come.</param>
    /// <param name="origin">Who has sent it.</param>
    /// <param name="message">The message's bytes: a part of <paramref name="frame"/>.</param>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? Read(ReadOnlyMemory<byte> frame, out long origin, out ReadOnlyMemory<byte> message)
    {
        origin = 0;
        message = default;
        var bytes = frame.Span;
        if (bytes.Length < HeaderLength || bytes[0] != Magic)
            return "it is no correlated message";
        if (bytes[1] != Version)
            return $"it is of version {bytes[1]}, and this node reads version {Version}";
        origin = BinaryPrimitives.ReadInt64LittleEndian(bytes[2..]);
        message = frame[HeaderLength..];
        return null;
    }
}
