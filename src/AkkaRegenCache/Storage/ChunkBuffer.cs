using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Puts a large value together that is fetched window by window. The parts of one connection come in order; one that doesn't fit is ignored, and the whole
/// is given up when its time has come.
/// </summary>
internal sealed class ChunkBuffer
{
    private readonly byte[] _bytes;
    private int _received;
    private int _wanted;

    public ChunkBuffer(int length)
    {
        _bytes = new byte[length];
    }

    public bool IsComplete => _received == _bytes.Length;

    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>The next stretch to ask for; null: the last one has not fully come yet, or nothing is missing.</summary>
    public (int Offset, int Count)? Next()
    {
        if (_received < _wanted || IsComplete)
            return null;
        var count = Math.Min(WireLimits.Window, _bytes.Length - _received);
        _wanted = _received + count;
        return (_received, count);
    }

    public void Take(PayloadChunk chunk)
    {
        if (chunk.Offset != _received || chunk.Bytes.Length > _bytes.Length - _received)
            return;
        chunk.Bytes.CopyTo(_bytes.AsMemory(_received));
        _received += chunk.Bytes.Length;
    }

    /// <summary>A stretch of a value in parts that fit in a message.</summary>
    public static IEnumerable<PayloadChunk> Cut(long id, ReadOnlyMemory<byte> bytes, int offset, int count)
    {
        if (offset < 0 || count < 0 || offset > bytes.Length)
            yield break;
        var end = (int)Math.Min((long)offset + count, bytes.Length);
        for (var at = offset; at < end; at += WireLimits.Payload)
            yield return new PayloadChunk(id, at, bytes.Slice(at, Math.Min(WireLimits.Payload, end - at)));
    }
}
