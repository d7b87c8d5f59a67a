using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>
/// A shard's records as they are handed over: first the remembered answers, then the keys. A version byte comes first; a byte before each item tells what
/// it is.
/// </summary>
internal static class HandoffFormat
{
    private const byte Version = 1;
    private const byte Slot = 1;
    private const byte Operation = 2;
    private const byte End = 0;

    /// <summary>Writes all that a store holds.</summary>
    public static byte[] Write(StoreMachine store, long now)
    {
        using var writer = new WireWriter();
        writer.Byte(Version);
        foreach (var operation in store.ExportOperations(now))
        {
            writer.Byte(Operation);
            StoreFormats.WriteOperation(writer, operation.Operation);
            writer.Time(operation.KeptFor);
            var format = WireFormat.Of(operation.Answer);
            writer.Text(format.Manifest);
            format.Write(writer, operation.Answer);
        }

        foreach (var slot in store.ExportSlots(now))
        {
            writer.Byte(Slot);
            WriteSlot(writer, slot);
        }

        writer.Byte(End);
        return writer.ToArray();
    }

    /// <summary>Reads it into a store, which must be new.</summary>
    /// <exception cref="FormatException">It can't be read; the store is not to be used.</exception>
    public static void Read(byte[] bytes, StoreMachine store, long now)
    {
        var reader = new WireReader(bytes);
        if (reader.Byte() != Version)
            throw new FormatException("another version's");
        while (true)
        {
            switch (reader.Byte())
            {
                case Slot:
                    store.Import(ReadSlot(reader), now);
                    break;
                case Operation:
                    store.Import(ReadOperation(reader), now);
                    break;
                case End:
                    return;
                default:
                    throw new FormatException("no item");
            }
        }
    }

    private static HandoffOperation ReadOperation(WireReader reader)
    {
        var operation = StoreFormats.ReadOperation(reader);
        var kept = reader.Time();
        var manifest = reader.Text();
        var format = StoreFormats.All.FirstOrDefault(f => f.Manifest == manifest && f.Type.IsSubclassOf(typeof(StoreAnswer)))
            ?? throw new FormatException("what is remembered of an operation is no answer");
        return new HandoffOperation(operation, (StoreAnswer)format.Read(reader), kept);
    }

    private static void WriteSlot(WireWriter writer, HandoffSlot slot)
    {
        writer.Text(slot.Key);
        writer.Long(slot.Token);
        writer.Long(slot.NewestToken);
        writer.OptionalTime(slot.EndsIn);
        writer.Time(slot.Interval);
        writer.OptionalTime(slot.DueIn);
        writer.Time(slot.ActiveFor);
        writer.Time(slot.DueBackoff);
        writer.Flag(slot.Claim is not null);
        if (slot.Claim is { } claim)
        {
            writer.Text(claim.Owner);
            writer.Long(claim.Token);
            writer.Time(claim.EndsIn);
            writer.Time(claim.SafeFor);
            writer.Flag(claim.IsContended);
        }

        writer.Flag(slot.Failure is not null);
        if (slot.Failure is { } failed)
        {
            writer.OptionalFailure(failed.Failure);
            writer.Long(failed.Token);
            writer.Time(failed.Backoff);
            writer.Time(failed.KeptFor);
        }

        writer.OptionalPayload(slot.Payload);
    }

    private static HandoffSlot ReadSlot(WireReader reader) => new()
    {
        Key = reader.Text(),
        Token = reader.Long(),
        NewestToken = reader.Long(),
        EndsIn = reader.OptionalTime(),
        Interval = reader.Time(),
        DueIn = reader.OptionalTime(),
        ActiveFor = reader.Time(),
        DueBackoff = reader.Time(),
        Claim = reader.Flag() ? new HandoffClaim(reader.Text(), reader.Long(), reader.Time(), reader.Time(), reader.Flag()) : null,
        Failure = reader.Flag()
            ? new HandoffFailure(
                reader.OptionalFailure() ?? throw new FormatException("no failure"), reader.Long(), reader.Time(), reader.Time())
            : null,
        Payload = reader.OptionalPayload(),
    };
}
