using System.Runtime.CompilerServices;

namespace AkkaRegenCache.Memory;

/// <summary>
/// One key in memory. The layer's writer changes it; any thread reads it. The value is replaced in place, so that a reader that has found
/// the entry sees the newest value. 80 bytes, therefore the packed fields.
/// </summary>
/// <remarks>
/// What the entry shows is one reference, <c>_content</c>: the value, or a <see cref="Serialized"/> around what it will be made
/// from. With one reference a reader sees the old or the new and never a mixture, and a reader that has deserialized may
/// put its result there (<see cref="TryMaterialize"/>) without ever covering something newer. Token, size and generator are
/// written before it: a reader may see a token that is newer than the value it read, never one that is older.
/// </remarks>
internal sealed class MemoryEntry
{
    /// <summary>Two bits could hold 3, as in S3-FIFO. 2 evicts old favourites sooner, and costs lasting ones little.</summary>
    internal const byte MaxFrequency = 2;

    /// <summary>The key.</summary>
    public readonly string Key;

    /// <summary>Hash of the key; never changes, so that readers may compare it at any time.</summary>
    internal readonly uint Hash;

    internal MemoryEntry? Newer;
    internal MemoryEntry? Older;
    internal byte Queue;

    private object? _content;
    private object? _generator;
    private long _token;
    private int _epoch;
    private byte _frequency;
    private bool _removed;

    internal MemoryEntry(string key, uint hash)
    {
        Key = key;
        Hash = hash;
    }

    /// <summary>The value; null if it expired or was removed, or if there is only a <see cref="Payload"/>.</summary>
    public object? Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            object? content = Volatile.Read(ref _content);
            return content is Serialized ? null : content;
        }
    }

    /// <summary>What the value will be made from, or the owner's mark for a null value; null if there is a value, or nothing.</summary>
    public object? Payload => (Volatile.Read(ref _content) as Serialized)?.Data;

    /// <summary>The owner's generator.</summary>
    public object? Generator => Volatile.Read(ref _generator);

    /// <summary>The fencing token of the value.</summary>
    public long Token => Volatile.Read(ref _token);

    /// <summary>The layer's epoch at the last hit, or at the admission.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>Bytes, as the owner gave them.</summary>
    public int Size { get; private set; }

    /// <summary>Whether the entry was removed from the layer. It never returns: the key gets a new entry.</summary>
    public bool IsRemoved => Volatile.Read(ref _removed);

    internal byte Frequency => _frequency;

    /// <summary>Reads value and payload together, for slow paths that need both.</summary>
    /// <returns>False if the entry shows nothing: it expired or was removed.</returns>
    public bool TryRead(out object? value, out object? payload)
    {
        object? content = Volatile.Read(ref _content);
        payload = (content as Serialized)?.Data;
        value = payload is null ? content : null;
        return content is not null;
    }

    /// <summary>Counts an access. Any thread. It writes only what differs, so that a hot entry stays shared between cores.</summary>
    /// <param name="epoch">The layer's <see cref="MemoryLayer.Epoch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void OnHit(int epoch)
    {
        // Racing threads may lose a count. It is a hint, and an atomic increment would cost more than the whole hit.
        byte frequency = _frequency;
        if (frequency < MaxFrequency)
            _frequency = (byte)(frequency + 1);
        if (_epoch != epoch)
            _epoch = epoch;
    }

    /// <summary>Replaces the payload by the deserialized value, unless the entry shows something else by now. Any thread.</summary>
    /// <returns>Whether <paramref name="value"/> is what the entry shows now.</returns>
    public bool TryMaterialize(object payload, object value)
    {
        return Volatile.Read(ref _content) is Serialized serialized
            && ReferenceEquals(serialized.Data, payload)
            && ReferenceEquals(Interlocked.CompareExchange(ref _content, value, serialized), serialized);
    }

    internal void Write(object? value, object? payload, object? generator, long token, int size)
    {
        if (value is not null && payload is not null)
            throw new ArgumentException("An entry shows a value or a payload, not both.", nameof(payload));
        Size = size;
        Volatile.Write(ref _generator, generator);
        Volatile.Write(ref _token, token);
        Volatile.Write(ref _content, payload is null ? value : new Serialized(payload));
    }

    /// <summary>Gives the entry another generator, or none. Writer.</summary>
    internal void UseGenerator(object? generator) => Volatile.Write(ref _generator, generator);

    internal void StartAt(int epoch) => _epoch = epoch;

    /// <summary>The queue's hand passes: uses up one chance.</summary>
    internal void Age() => _frequency--;

    internal void ForgetFrequency() => _frequency = 0;

    /// <summary>From now on it shows nothing, even to a reader that holds it. Generator and token stay for the owner.</summary>
    internal void MarkRemoved()
    {
        Volatile.Write(ref _removed, true);
        Interlocked.Exchange(ref _content, null);
    }

    /// <summary>Distinguishes a payload from a value by its type, which costs a hit one comparison.</summary>
    private sealed class Serialized(object data)
    {
        public readonly object Data = data;
    }
}
