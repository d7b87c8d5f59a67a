using System.Runtime.CompilerServices;

namespace AkkaRegenCache.Memory;

/// <summary>
/// One key in memory. The layer's writer changes it, any thread reads it; the value is replaced in place, so that whoever found
/// the entry sees the newest one. 80 bytes, hence the packed fields.
/// </summary>
/// <remarks>
/// What the entry shows is one reference, <c>_content</c>: the value, or a <see cref="Serialized"/> around what it will be made
/// from. With one reference a reader sees the old or the new and never a mixture, and a reader that has deserialized may
/// put its result there (<see cref="TryMaterialize"/>) without ever covering something newer. Token, size and generator are
/// written before it: a reader may see a token that is newer than the value it read, never one that is older.
/// </remarks>
internal sealed class MemoryEntry
{
    /// <summary>Two bits would hold 3, as in S3-FIFO; 2 lets go of old favourites sooner, and costs lasting ones little.</summary>
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

    /// <summary>The value; null when it ended or was removed, and when <see cref="Payload"/> has what there is.</summary>
    public object? Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            object? content = Volatile.Read(ref _content);
            return content is Serialized ? null : content;
        }
    }

    /// <summary>What the value will be made from, or the owner's mark for a null value; null when there is a value, or nothing.</summary>
    public object? Payload => (Volatile.Read(ref _content) as Serialized)?.Data;

    /// <summary>The owner's generator.</summary>
    public object? Generator => Volatile.Read(ref _generator);

    /// <summary>The fencing token of the value.</summary>
    public long Token => Volatile.Read(ref _token);

    /// <summary>The layer's epoch at the last hit, or at the admission.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>Bytes, as the owner gave them.</summary>
    public int Size { get; private set; }

    /// <summary>Whether the entry has left the layer. It never comes back: the key gets a new entry.</summary>
    public bool IsRemoved => Volatile.Read(ref _removed);

    internal byte Frequency => _frequency;

    /// <summary>Value or payload, whichever there is, in one look: what a slow path that needs both should use.</summary>
    /// <returns>False when the entry shows nothing: ended or removed.</returns>
    public bool TryRead(out object? value, out object? payload)
    {
        object? content = Volatile.Read(ref _content);
        payload = (content as Serialized)?.Data;
        value = payload is null ? content : null;
        return content is not null;
    }

    /// <summary>Notes an access. Any thread; it writes only what differs, so that a hot entry stays shared between cores.</summary>
    /// <param name="epoch">The layer's <see cref="MemoryLayer.Epoch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void OnHit(int epoch)
    {
        // Racing threads may lose a count: this is a hint, and an atomic increment costs more than the whole hit.
        byte frequency = _frequency;
        if (frequency < MaxFrequency)
            _frequency = (byte)(frequency + 1);
        if (_epoch != epoch)
            _epoch = epoch;
    }

    /// <summary>Puts the deserialized value where its payload was, unless the entry shows something else by now. Any thread.</summary>
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

    /// <summary>One chance used up, when the queue's hand passes by.</summary>
    internal void Age() => _frequency--;

    internal void ForgetFrequency() => _frequency = 0;

    /// <summary>From here on it shows nothing, also to a reader that holds it already. Generator and token stay for the owner.</summary>
    internal void MarkRemoved()
    {
        Volatile.Write(ref _removed, true);
        Interlocked.Exchange(ref _content, null);
    }

    /// <summary>Tells a payload from a value by its type, at the price of one comparison on a hit.</summary>
    private sealed class Serialized(object data)
    {
        public readonly object Data = data;
    }
}
