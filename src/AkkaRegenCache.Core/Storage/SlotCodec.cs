namespace AkkaRegenCache.Storage;

/// <summary>
/// A machine's state as bytes: of a shard in its handoff, or of one key in its document. First a version byte, then the remembered answers,
/// then the keys. A byte before each item names its type.
/// </summary>
internal static class SlotCodec
{
    private const byte Version = 1;
    private const byte Slot = 1;
    private const byte Operation = 2;
    private const byte End = 0;

    // The names of these answers in messages. Only these are ever remembered.
    private const string Claimed = "C1";
    private const string Changed = "S1";
    private const string Released = "L1";

    /// <summary>No token is a time after the year 16000, and no duration is longer than 4000 years, so sums stay in range.</summary>
    private const long MostToken = long.MaxValue / (2 * TimeSpan.TicksPerMicrosecond);

    private const long MostTicks = TimeSpan.TicksPerDay * 365 * 4000;

    /// <summary>Writes a store's whole state.</summary>
    public static byte[] Write(StoreMachine store, long now)
    {
        using var writer = new WireWriter();
        Write(writer, store, now);
        return writer.ToArray();
    }

    /// <inheritdoc cref="Write(StoreMachine, long)"/>
    public static void Write(WireWriter writer, StoreMachine store, long now)
    {
        writer.Byte(Version);
        foreach (var operation in store.ExportOperations(now))
        {
            writer.Byte(Operation);
            WriteOperation(writer, operation);
        }

        foreach (var slot in store.ExportSlots(now))
        {
            writer.Byte(Slot);
            WriteSlot(writer, slot);
        }

        writer.Byte(End);
    }

    /// <summary>Reads the state into a store, which must be new.</summary>
    /// <exception cref="FormatException">It can't be read; the store is not to be used.</exception>
    public static void Read(byte[] bytes, StoreMachine store, long now) => Read(new WireReader(bytes), store, now);

    /// <inheritdoc cref="Read(byte[], StoreMachine, long)"/>
    public static void Read(WireReader reader, StoreMachine store, long now)
    {
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

    private static void WriteOperation(WireWriter writer, HandoffOperation item)
    {
        writer.Text(item.Operation.Node);
        writer.Long(item.Operation.Number);
        writer.Time(item.KeptFor);
        switch (item.Answer)
        {
            case ClaimAnswer { Outcome: ClaimOutcome.Granted } claim:
                writer.Text(Claimed);
                writer.Text(claim.Epoch);
                writer.Byte((byte)claim.Outcome);
                writer.Long(claim.Token);
                writer.OptionalText(null); // Another owner, how long it holds, a record, a failure: a grant has none.
                writer.Time(TimeSpan.Zero);
                writer.Flag(false);
                writer.Flag(false);
                break;
            case ChangeAnswer change:
                writer.Text(Changed);
                writer.Text(change.Epoch);
                writer.Flag(change.Accepted);
                writer.Long(change.Token);
                writer.OptionalTime(change.DueIn);
                writer.Time(change.ActiveFor);
                break;
            case ReleaseAnswer release:
                writer.Text(Released);
                writer.Text(release.Epoch);
                writer.Flag(release.Released);
                break;
            default:
                throw new InvalidOperationException($"A {item.Answer.GetType().Name} is not remembered.");
        }
    }

    private static HandoffOperation ReadOperation(WireReader reader)
    {
        var operation = new OperationId(reader.Text(), reader.Long());
        var kept = Time(reader);
        StoreAnswer answer = reader.Text() switch
        {
            Claimed => ReadClaimed(reader),
            Changed => new ChangeAnswer
            {
                Epoch = reader.Text(),
                Accepted = reader.Flag(),
                Token = Token(reader),
                DueIn = OptionalTime(reader),
                ActiveFor = Time(reader),
            },
            Released => new ReleaseAnswer { Epoch = reader.Text(), Released = reader.Flag() },
            _ => throw new FormatException("what is remembered of an operation is no answer"),
        };
        return new HandoffOperation(operation, answer, kept);
    }

    private static ClaimAnswer ReadClaimed(WireReader reader)
    {
        var answer = new ClaimAnswer { Epoch = reader.Text(), Outcome = reader.Enum(ClaimOutcome.BackingOff), Token = Token(reader) };
        var isGrant = answer.Outcome == ClaimOutcome.Granted && reader.OptionalText() is null;
        isGrant &= reader.Time() == TimeSpan.Zero && !reader.Flag() && !reader.Flag();
        return isGrant ? answer : throw new FormatException("what is remembered of a claim is no grant");
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

        WritePayload(writer, slot.Payload);
    }

    private static HandoffSlot ReadSlot(WireReader reader) => new()
    {
        Key = reader.Text(),
        Token = Token(reader),
        NewestToken = Token(reader),
        EndsIn = OptionalTime(reader),
        Interval = Time(reader),
        DueIn = OptionalTime(reader),
        ActiveFor = Time(reader),
        DueBackoff = Time(reader),
        Claim = reader.Flag() ? new HandoffClaim(reader.Text(), Token(reader), Time(reader), Time(reader), reader.Flag()) : null,
        Failure = reader.Flag()
            ? new HandoffFailure(
                reader.OptionalFailure() ?? throw new FormatException("no failure"), Token(reader), Time(reader), Time(reader))
            : null,
        Payload = ReadPayload(reader),
    };

    private static void WritePayload(WireWriter writer, CachePayload? payload) => writer.OptionalPayload(payload);

    private static CachePayload? ReadPayload(WireReader reader) => reader.OptionalPayload();

    private static long Token(WireReader reader) =>
        reader.Long() is >= 0 and <= MostToken and var token ? token : throw new FormatException("no token");

    private static TimeSpan Time(WireReader reader) =>
        reader.Time() is { Ticks: >= -MostTicks and <= MostTicks } time ? time : throw new FormatException("a time out of range");

    private static TimeSpan? OptionalTime(WireReader reader) => reader.Flag() ? Time(reader) : null;
}
