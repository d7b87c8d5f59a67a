using System.Text;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>Reads what <see cref="WireWriter"/> wrote. Throws an <see cref="IOException"/>, <see cref="FormatException"/> or <see cref="ArgumentException"/> at whatever can't be.</summary>
internal sealed class WireReader : IDisposable
{
    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    private readonly MemoryStream _stream;
    private readonly BinaryReader _reader;

    public WireReader(byte[] bytes)
    {
        _stream = new MemoryStream(bytes, writable: false);
        _reader = new BinaryReader(_stream, s_utf8);
    }

    public bool IsAtEnd => _stream.Position == _stream.Length;

    private int Left => (int)(_stream.Length - _stream.Position);

    public byte Byte() => _reader.ReadByte();

    public bool Flag() => _reader.ReadByte() switch
    {
        0 => false,
        1 => true,
        _ => throw new FormatException("neither yes nor no"),
    };

    public int Int() => _reader.Read7BitEncodedInt();

    public long Long() => _reader.Read7BitEncodedInt64();

    public string Text() => _reader.ReadString();

    public TimeSpan Time() => new(_reader.Read7BitEncodedInt64());

    public string? OptionalText() => Flag() ? Text() : null;

    public TimeSpan? OptionalTime() => Flag() ? Time() : null;

    public ReadOnlyMemory<byte> Bytes()
    {
        // The length is checked before anything is made of it.
        var length = Int();
        if (length < 0 || length > Left)
            throw new FormatException("a length beyond the end");
        return _reader.ReadBytes(length);
    }

    public CachePayload? OptionalPayload() => Flag() ? CachePayload.FromBytes(Bytes()) : null;

    public GenerationFailure? OptionalFailure() => Flag() ? new GenerationFailure(Text(), Text()) : null;

    public T Enum<T>(T last)
        where T : struct, Enum
    {
        var value = (T)(object)(int)Byte();
        return Comparer<T>.Default.Compare(value, last) <= 0 ? value : throw new FormatException($"no {typeof(T).Name}");
    }

    public T[] List<T>(Func<WireReader, T> read)
    {
        var count = Int();
        if (count < 0 || count > Left)
            throw new FormatException("a count beyond the end");
        var list = new T[count];
        for (var i = 0; i < list.Length; i++)
            list[i] = read(this);
        return list;
    }

    public void Dispose() => _reader.Dispose();
}
