namespace AkkaRegenCache.Storage;

/// <summary>What was found in a document.</summary>
internal enum DocumentKind
{
    /// <summary>There is no document.</summary>
    Missing,

    /// <summary>A cache's document, in this version.</summary>
    Readable,

    /// <summary>A cache's document, in a newer version.</summary>
    Newer,

    /// <summary>A document of another application, or a broken one.</summary>
    Foreign,
}

/// <summary>
/// What a cache keeps in documents: of each key what a store holds of it, and the store's epoch. First "ARC", 9D hexadecimal, a version
/// byte and a byte for the kind; then the time at which it was written, in ticks of 100 ns since 1970 by the store's clock. A key's goes on
/// with the key and what <see cref="SlotCodec"/> writes, whose durations are from that time; the epoch's with its id.
/// </summary>
internal static class KeyDocument
{
    private const byte Version = 1;
    private const byte OfKey = 1;
    private const byte OfEpoch = 2;
    private const int Overhead = 512;

    private static ReadOnlySpan<byte> Magic => [(byte)'A', (byte)'R', (byte)'C', 0x9D];

    /// <summary>Writes what a machine holds of its only key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="valueLength">How many bytes the value has, about.</param>
    public static ReadOnlyMemory<byte> Write(string key, StoreMachine machine, long now, int valueLength)
    {
        using var writer = new WireWriter(valueLength + (3 * key.Length) + Overhead);
        WriteHead(writer, OfKey, now);
        writer.Text(key);
        SlotCodec.Write(writer, machine, now);
        return writer.ToMemory();
    }

    /// <summary>Reads a key's document into a machine, which must be new.</summary>
    /// <param name="found">The document.</param>
    /// <param name="key">The key.</param>
    /// <param name="machine">Receives the content. Not to be used if the document can't be read.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="writtenAt">When it was written.</param>
    public static DocumentKind Read(in StoredDocument found, string key, StoreMachine machine, long now, out long writtenAt)
    {
        var kind = ReadHead(found, OfKey, out writtenAt, out var reader);
        if (kind != DocumentKind.Readable)
            return kind;
        try
        {
            if (reader!.Text() != key)
                return DocumentKind.Foreign;

            // If this clock is behind the writer's, no time has passed.
            SlotCodec.Read(reader, machine, Math.Min(writtenAt, now));
            return reader.IsAtEnd && machine.HoldsNothingBut(key) ? DocumentKind.Readable : DocumentKind.Foreign;
        }
        catch (FormatException)
        {
            return DocumentKind.Foreign;
        }
    }

    public static ReadOnlyMemory<byte> WriteEpoch(string epoch, long now)
    {
        using var writer = new WireWriter();
        WriteHead(writer, OfEpoch, now);
        writer.Text(epoch);
        return writer.ToMemory();
    }

    public static DocumentKind ReadEpoch(in StoredDocument found, out string epoch, out long writtenAt)
    {
        epoch = "";
        var kind = ReadHead(found, OfEpoch, out writtenAt, out var reader);
        if (kind != DocumentKind.Readable)
            return kind;
        try
        {
            epoch = reader!.Text();
            return epoch.Length > 0 && reader.IsAtEnd ? kind : DocumentKind.Foreign;
        }
        catch (FormatException)
        {
            return DocumentKind.Foreign;
        }
    }

    private static void WriteHead(WireWriter writer, byte kind, long now)
    {
        foreach (var each in Magic)
            writer.Byte(each);
        writer.Byte(Version);
        writer.Byte(kind);
        writer.Long(now);
    }

    private static DocumentKind ReadHead(in StoredDocument found, byte kind, out long writtenAt, out WireReader? reader)
    {
        writtenAt = 0;
        reader = null;
        if (found.Version is null)
            return DocumentKind.Missing;
        if (found.Content.Length <= Magic.Length + 2 || !found.Content.Span.StartsWith(Magic))
            return DocumentKind.Foreign;
        reader = new WireReader(found.Content[Magic.Length..], isShared: true);
        try
        {
            if (reader.Byte() is var version && version != Version)
                return version > Version ? DocumentKind.Newer : DocumentKind.Foreign;
            if (reader.Byte() != kind)
                return DocumentKind.Foreign;
            writtenAt = reader.Long();
            return writtenAt is >= 0 and < long.MaxValue / 4 ? DocumentKind.Readable : DocumentKind.Foreign;
        }
        catch (FormatException)
        {
            return DocumentKind.Foreign;
        }
    }
}
