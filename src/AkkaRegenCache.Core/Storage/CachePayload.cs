namespace AkkaRegenCache.Storage;

/// <summary>
/// A value on its way between a cache and an external store: the object itself, its serialized bytes, or both. A store that keeps
/// objects (<see cref="IExternalStore.StoresObjects"/>) keeps the instance as it is; any other keeps <see cref="Bytes"/>.
/// Immutable for its users and safe to share between threads.
/// </summary>
public sealed class CachePayload
{
    private volatile object? _value;
    private volatile bool _hasValue;
    private volatile Unreadable? _unreadable;

    private CachePayload(object? value, bool hasValue, ReadOnlyMemory<byte>? bytes, int size)
    {
        _value = value;
        _hasValue = hasValue;
        Bytes = bytes;
        Size = size;
    }

    /// <summary>The serialized value; null where it was never serialized.</summary>
    public ReadOnlyMemory<byte>? Bytes { get; }

    /// <summary>The value's size in bytes as the memory layer counts it.</summary>
    public int Size { get; }

    /// <summary>Whether the value itself is known, without deserializing.</summary>
    public bool HasValue => _hasValue;

    /// <summary>The value itself where <see cref="HasValue"/>, else null. Null may be the value.</summary>
    public object? Value => _value;

    /// <summary>A payload read from a store.</summary>
    /// <param name="bytes">The serialized value; not to be changed afterwards.</param>
    public static CachePayload FromBytes(ReadOnlyMemory<byte> bytes) => new(null, false, bytes, bytes.Length);

    /// <summary>A payload that holds the object.</summary>
    /// <param name="value">The value; null is a value.</param>
    /// <param name="size">Its size in bytes as the memory layer counts it.</param>
    /// <param name="bytes">Its serialized form, where there is one.</param>
    public static CachePayload FromValue(object? value, int size, ReadOnlyMemory<byte>? bytes = null) => new(value, true, bytes, size);

    /// <summary>Remembers the value once it has been deserialized, so that all who hold the payload share one instance.</summary>
    internal void Resolve(object? value)
    {
        _value = value;
        _hasValue = true;
    }

    /// <summary>Remembers that it can't be read as a type, so that not every reader tries.</summary>
    internal void NoteUnreadable(Type type, Exception error) => _unreadable = new Unreadable(type, error);

    /// <summary>Why it can't be read as a type; null: that is not known.</summary>
    internal Exception? WhyUnreadable(Type type) => _unreadable is { } known && known.As == type ? known.Error : null;

    private sealed record Unreadable(Type As, Exception Error);
}
