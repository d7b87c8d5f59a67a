using System.Text;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Reads what <see cref="WireWriter"/> wrote. A length or count in a message is not trusted: no more is allocated than the bytes that are
/// there can fill. Throws only a <see cref="FormatException"/>, for everything that can't be read.
/// </summary>
/// <param name="bytes">All of the message.</param>
/// <param name="isShared">Whether values may be slices of the message, which must not change then. Otherwise they are copies.</param>
internal sealed class WireReader(ReadOnlyMemory<byte> bytes, bool isShared = false)
{
    /// <summary>The initial capacity of lists, which grow with what is read.</summary>
    private const int FirstItems = 16;

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    private int _position;

    public bool IsAtEnd => _position == bytes.Length;

    private int Left => bytes.Length - _position;

    public byte Byte() => _position < bytes.Length ? bytes.Span[_position++] : throw new FormatException("the message is cut off");

    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        _ => throw new FormatException("neither yes nor no"),
    };

    public int Int() => unchecked((int)Number(32));

    public long Long() => unchecked((long)Number(64));

    public string Text()
    {
        try
        {
            return s_utf8.GetString(Stretch().Span);
        }
        catch (ArgumentException e)
        {
            throw new FormatException("no text", e);
        }
    }

    public TimeSpan Time() => new(Long());

    public string? OptionalText() => Flag() ? Text() : null;

    public TimeSpan? OptionalTime() => Flag() ? Time() : null;

    public ReadOnlyMemory<byte> Bytes() => isShared ? Stretch() : Stretch().ToArray();

    public CachePayload? OptionalPayload() => Flag() ? CachePayload.FromBytes(Bytes()) : null;

    public GenerationFailure? OptionalFailure() => Flag() ? new GenerationFailure(Text(), Text()) : null;

    public T Enum<T>(T last)
        where T : struct, Enum
    {
        var value = (T)(object)(int)Byte();
        return Comparer<T>.Default.Compare(value, last) <= 0 ? value : throw new FormatException($"no {typeof(T).Name}");
    }

    /// <summary>
    /// The length of a value that is sent apart from its message. Nothing may be allocated for it yet: it comes later, or never.
    /// </summary>
    public int PayloadLength()
    {
        var length = Int();
        return length >= 0 ? length : throw new FormatException("a length below zero");
    }

    public IReadOnlyList<T> List<T>(Func<WireReader, T> read)
    {
        var count = Int();
        if (count < 0 || count > Left)
            throw new FormatException("a count beyond the end");
        var list = new List<T>(Math.Min(count, FirstItems));
        for (var i = 0; i < count; i++)
            list.Add(read(this));
        return list;
    }

    private ReadOnlyMemory<byte> Stretch()
    {
        var length = Int();
        if (length < 0 || length > Left)
            throw new FormatException("a length beyond the end");
        var stretch = bytes.Slice(_position, length);
        _position += length;
        return stretch;
    }

    /// <summary>Seven bits in each byte, low ones first.</summary>
    private ulong Number(int bits)
    {
        var number = 0ul;
        for (var shift = 0; shift < bits; shift += 7)
        {
            var next = Byte();
            var part = (ulong)(next & 0x7f);
            if (shift + 7 > bits && part >> (bits - shift) != 0)
                break;
            number |= part << shift;
            if (next < 0x80)
                return number;
        }

        throw new FormatException("a number too large");
    }
}
