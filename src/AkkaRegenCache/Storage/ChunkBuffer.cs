using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Assembles a large value that is fetched in windows. It grows with the received bytes, because an announced length is not trusted. The
/// parts of one connection arrive in order. A part that does not fit is ignored, and the value is given up at its deadline.
/// </summary>
internal sealed class ChunkBuffer
{
    /// <summary>The longest value; a longer one is an invalid message.</summary>
    public const int MaximumLength = 1 << 30;

    private readonly int _length;
    private byte[] _bytes = [];
    private int _received;
    private int _wanted;

    public ChunkBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaximumLength);
        _length = length;
    }

    public bool IsComplete => _received == _length;

    /// <summary>The bytes received so far.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _received);

    /// <summary>The next part to request; null: the last one is still arriving, or nothing is missing.</summary>
    public (int Offset, int Count)? Next()
    {
        if (_received < _wanted || IsComplete)
            return null;
        var count = Math.Min(WireLimits.Window, _length - _received);
        _wanted = _received + count;
        return (_received, count);
    }

    public void Take(PayloadChunk chunk)
    {
        if (chunk.Offset != _received || chunk.Bytes.Length > _length - _received)
            return;
        var needed = _received + chunk.Bytes.Length;
        if (needed > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Min(_length, Math.Max(needed, 2L * _bytes.Length)));
        chunk.Bytes.CopyTo(_bytes.AsMemory(_received));
        _received = needed;
    }

    /// <summary>Splits a part of a value into messages. At most one window, as no receiver requests more at once.</summary>
    public static IEnumerable<PayloadChunk> Cut(long id, ReadOnlyMemory<byte> bytes, int offset, int count)
    {
        if (offset < 0 || count < 0 || offset > bytes.Length)
            yield break;
        var end = offset + Math.Min(Math.Min(count, WireLimits.Window), bytes.Length - offset);
        for (var at = offset; at < end; at += WireLimits.Payload)
            yield return new PayloadChunk(id, at, bytes.Slice(at, Math.Min(WireLimits.Payload, end - at)));
    }
}
