using System.Text;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Writes the primitives of messages: numbers with 7 bits to a byte, low ones first; strings as UTF-8 after their length; times as ticks of
/// 100 ns; optional values after a byte that says whether they are there.
/// </summary>
internal sealed class WireWriter : IDisposable
{
    /// <summary>The longest error text that is sent: an exception's message has no bound, a frame has.</summary>
    public const int MaximumErrorLength = 4096;

    private readonly MemoryStream _stream;
    private readonly BinaryWriter _writer;

    /// <param name="capacity">The expected number of bytes.</param>
    public WireWriter(int capacity = 256)
    {
        _stream = new MemoryStream(capacity);

        // Does not throw on invalid characters: an exception's message may contain anything.
        _writer = new BinaryWriter(_stream, Encoding.UTF8);
    }

    public int Length => (int)_stream.Position;

    public byte[] ToArray() => _stream.ToArray();

    /// <summary>The written bytes, without a copy. Nothing may be written afterwards.</summary>
    public ReadOnlyMemory<byte> ToMemory() => _stream.GetBuffer().AsMemory(0, Length);

    public void Byte(byte value) => _writer.Write(value);

    public void Flag(bool value) => _writer.Write(value);

    public void Int(int value) => _writer.Write7BitEncodedInt(value);

    public void Long(long value) => _writer.Write7BitEncodedInt64(value);

    public void Text(string value) => _writer.Write(value);

    public void Time(TimeSpan value) => _writer.Write7BitEncodedInt64(value.Ticks);

    public void OptionalText(string? value)
    {
        Flag(value is not null);
        if (value is not null)
            Text(value);
    }

    public void OptionalTime(TimeSpan? value)
    {
        Flag(value is not null);
        if (value is { } time)
            Time(time);
    }

    public void Bytes(ReadOnlyMemory<byte> value)
    {
        Int(value.Length);
        _writer.Write(value.Span);
    }

    /// <summary>A value's bytes, or none.</summary>
    public void OptionalPayload(CachePayload? payload)
    {
        var bytes = payload?.Bytes;
        Flag(bytes is not null);
        if (bytes is { } given)
            Bytes(given);
    }

    public void OptionalFailure(GenerationFailure? failure)
    {
        Flag(failure is not null);
        if (failure is null)
            return;
        Text(Cut(failure.Type));
        Text(Cut(failure.Message));
    }

    public void List<T>(IReadOnlyList<T> list, Action<WireWriter, T> write)
    {
        Int(list.Count);
        for (var i = 0; i < list.Count; i++)
            write(this, list[i]);
    }

    public void Dispose() => _writer.Dispose();

    private static string Cut(string text) => text.Length <= MaximumErrorLength ? text : text[..MaximumErrorLength];
}
