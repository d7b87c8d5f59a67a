using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>The formats of requests to a store and of its answers.</summary>
internal static class StoreFormats
{
    /// <summary>The placeholder of a value that is fetched separately.</summary>
    private static readonly CachePayload s_fetchedApart = CachePayload.FromBytes(default);

    public static IReadOnlyList<Format> All { get; } =
    [
        Format.Of<ReadRequest>("r1", static (w, m) => w.Text(m.Key), static r => new ReadRequest { Key = r.Text() }),
        Format.Of<ClaimRequest>("c1", WriteClaim, ReadClaim),
        Format.Of<CommitRequest>("m1", WriteCommit, ReadCommit),
        Format.Of<ReleaseRequest>("l1", WriteRelease, ReadRelease),
        Format.Of<WriteRequest>("s1", WriteWrite, ReadWrite),
        Format.Of<InvalidateRequest>("i1", WriteInvalidate, ReadInvalidate),
        Format.Of<RenewBatch>(
            "w1",
            static (w, m) => { w.Time(m.Lease); w.List(m.Claims, static (w, c) => { w.Text(c.Key); w.Long(c.Token); }); },
            static r =>
            {
                var lease = r.Time();
                return new RenewBatch(r.List(static r => new HeldClaim(r.Text(), r.Long())), lease);
            }),
        Format.Of<TouchBatch>(
            "t1",
            static (w, m) => w.List(m.Activities, static (w, a) => { w.Text(a.Key); w.Time(a.ActiveFor); }),
            static r => new TouchBatch(r.List(static r => new KeyActivity(r.Text(), r.Time())))),
        Format.Of<CheckBatch>("k1", static (w, m) => w.List(m.Keys, static (w, key) => w.Text(key)),
            static r => new CheckBatch(r.List(static r => r.Text()))),

        Format.Of<ReadAnswer>(
            "R1",
            static (w, m) => { w.Text(m.Epoch); WriteRecord(w, m.Record); },
            static r => new ReadAnswer { Epoch = r.Text(), Record = ReadRecord(r) }),
        Format.Of<ClaimAnswer>("C1", WriteClaimAnswer, ReadClaimAnswer),
        Format.Of<RenewAnswer>(
            "W1",
            static (w, m) => { w.Text(m.Epoch); w.List(m.Outcomes, static (w, o) => w.Byte((byte)o)); },
            static r => new RenewAnswer { Epoch = r.Text(), Outcomes = r.List(static r => r.Enum(RenewOutcome.Unknown)) }),
        Format.Of<ChangeAnswer>(
            "S1",
            static (w, m) => { w.Text(m.Epoch); w.Flag(m.Accepted); w.Long(m.Token); w.OptionalTime(m.DueIn); w.Time(m.ActiveFor); },
            static r => new ChangeAnswer { Epoch = r.Text(), Accepted = r.Flag(), Token = r.Long(), DueIn = r.OptionalTime(),
                ActiveFor = r.Time() }),
        Format.Of<ReleaseAnswer>(
            "L1",
            static (w, m) => { w.Text(m.Epoch); w.Flag(m.Released); },
            static r => new ReleaseAnswer { Epoch = r.Text(), Released = r.Flag() }),
        Format.Of<TouchAnswer>("T1", static (w, m) => w.Text(m.Epoch), static r => new TouchAnswer { Epoch = r.Text() }),
        Format.Of<CheckAnswer>(
            "K1",
            static (w, m) => { w.Text(m.Epoch); w.List(m.Checks, static (w, c) => { w.Long(c.Token); w.Flag(c.IsRemoved); }); },
            static r => new CheckAnswer { Epoch = r.Text(), Checks = r.List(static r => new TokenCheck(r.Long(), r.Flag())) }),
    ];

    public static void WriteOperation(WireWriter writer, OperationId operation)
    {
        writer.Text(operation.Node);
        writer.Long(operation.Number);
    }

    public static OperationId ReadOperation(WireReader reader) => new(reader.Text(), reader.Long());

    private static void WriteSchedule(WireWriter writer, StoreSchedule schedule)
    {
        writer.Time(schedule.FreshFor);
        writer.OptionalTime(schedule.Interval);
        writer.Time(schedule.MinimumForward);
        writer.Time(schedule.ActiveFor);
    }

    private static StoreSchedule ReadSchedule(WireReader reader) => new()
    {
        FreshFor = reader.Time(),
        Interval = reader.OptionalTime(),
        MinimumForward = reader.Time(),
        ActiveFor = reader.Time(),
    };

    private static void WriteClaim(WireWriter writer, ClaimRequest claim)
    {
        writer.Text(claim.Key);
        WriteOperation(writer, claim.Operation);
        writer.Text(claim.Owner);
        writer.Time(claim.Lease);
        writer.Byte((byte)claim.Reason);
        writer.Long(claim.ObservedToken);
        writer.Long(claim.AwaitedToken);
        writer.Time(claim.ActiveFor);
        writer.OptionalText(claim.StealFrom);
    }

    private static ClaimRequest ReadClaim(WireReader reader) => new()
    {
        Key = reader.Text(),
        Operation = ReadOperation(reader),
        Owner = reader.Text(),
        Lease = reader.Time(),
        Reason = reader.Enum(ClaimReason.Refresh),
        ObservedToken = reader.Long(),
        AwaitedToken = reader.Long(),
        ActiveFor = reader.Time(),
        StealFrom = reader.OptionalText(),
    };

    private static void WriteCommit(WireWriter writer, CommitRequest commit)
    {
        writer.Text(commit.Key);
        WriteOperation(writer, commit.Operation);
        writer.Long(commit.Token);
        writer.Text(commit.ClaimEpoch);
        WriteSchedule(writer, commit.Schedule);
        writer.OptionalPayload(commit.Payload);
    }

    private static CommitRequest ReadCommit(WireReader reader) => new()
    {
        Key = reader.Text(),
        Operation = ReadOperation(reader),
        Token = reader.Long(),
        ClaimEpoch = reader.Text(),
        Schedule = ReadSchedule(reader),
        Payload = reader.OptionalPayload() ?? s_fetchedApart,
    };

    private static void WriteRelease(WireWriter writer, ReleaseRequest release)
    {
        writer.Text(release.Key);
        WriteOperation(writer, release.Operation);
        writer.Long(release.Token);
        writer.OptionalFailure(release.Failure);
        writer.Time(release.Backoff);
        writer.Time(release.DueBackoff);
        writer.Flag(release.OnlyIfUncontended);
    }

    private static ReleaseRequest ReadRelease(WireReader reader) => new()
    {
        Key = reader.Text(),
        Operation = ReadOperation(reader),
        Token = reader.Long(),
        Failure = reader.OptionalFailure(),
        Backoff = reader.Time(),
        DueBackoff = reader.Time(),
        OnlyIfUncontended = reader.Flag(),
    };

    private static void WriteWrite(WireWriter writer, WriteRequest write)
    {
        writer.Text(write.Key);
        WriteOperation(writer, write.Operation);
        writer.Long(write.ObservedToken);
        writer.Flag(write.IsRetry);
        writer.Time(write.AskedAgo);
        WriteSchedule(writer, write.Schedule);
        writer.OptionalPayload(write.Payload);
    }

    private static WriteRequest ReadWrite(WireReader reader) => new()
    {
        Key = reader.Text(),
        Operation = ReadOperation(reader),
        ObservedToken = reader.Long(),
        IsRetry = reader.Flag(),
        AskedAgo = reader.Time(),
        Schedule = ReadSchedule(reader),
        Payload = reader.OptionalPayload() ?? s_fetchedApart,
    };

    private static void WriteInvalidate(WireWriter writer, InvalidateRequest invalidate)
    {
        writer.Text(invalidate.Key);
        WriteOperation(writer, invalidate.Operation);
        writer.Long(invalidate.ObservedToken);
        writer.Flag(invalidate.IsRetry);
        writer.Time(invalidate.AskedAgo);
        writer.Time(invalidate.TombstoneFor);
    }

    private static InvalidateRequest ReadInvalidate(WireReader reader) => new()
    {
        Key = reader.Text(),
        Operation = ReadOperation(reader),
        ObservedToken = reader.Long(),
        IsRetry = reader.Flag(),
        AskedAgo = reader.Time(),
        TombstoneFor = reader.Time(),
    };

    private static void WriteRecord(WireWriter writer, StoreRecord? record)
    {
        writer.Flag(record is not null);
        if (record is null)
            return;
        writer.Long(record.Token);
        writer.Time(record.FreshFor);
        writer.OptionalTime(record.DueIn);
        writer.Time(record.ActiveFor);
        writer.OptionalPayload(record.Payload);
    }

    private static StoreRecord? ReadRecord(WireReader reader) => !reader.Flag() ? null : new StoreRecord
    {
        Token = reader.Long(),
        FreshFor = reader.Time(),
        DueIn = reader.OptionalTime(),
        ActiveFor = reader.Time(),
        Payload = reader.OptionalPayload(),
    };

    private static void WriteClaimAnswer(WireWriter writer, ClaimAnswer answer)
    {
        writer.Text(answer.Epoch);
        writer.Byte((byte)answer.Outcome);
        writer.Long(answer.Token);
        writer.OptionalText(answer.Owner);
        writer.Time(answer.Remaining);
        WriteRecord(writer, answer.Record);
        writer.OptionalFailure(answer.Failure);
    }

    private static ClaimAnswer ReadClaimAnswer(WireReader reader) => new()
    {
        Epoch = reader.Text(),
        Outcome = reader.Enum(ClaimOutcome.BackingOff),
        Token = reader.Long(),
        Owner = reader.OptionalText(),
        Remaining = reader.Time(),
        Record = ReadRecord(reader),
        Failure = reader.OptionalFailure(),
    };
}
