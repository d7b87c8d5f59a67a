using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Cluster.Tests.Wire;

/// <summary>Each message that crosses nodes, with all that it may hold and with as little as possible.</summary>
internal static class Samples
{
    private static readonly TimeSpan s_time = TimeSpan.FromTicks(123_456_789);
    private static readonly TimeSpan s_past = TimeSpan.FromTicks(-7);
    private static readonly GenerationFailure s_failure = new("System.InvalidOperationException", "no \u00e4pfel \ud83c\udf4e");
    private static readonly CachePayload s_value = CachePayload.FromBytes(new byte[] { 0, 1, 2, 255 });
    private static readonly CachePayload s_empty = CachePayload.FromBytes(default);
    private static readonly OperationId s_operation = new("node-1", 99);

    private static readonly CacheNotification s_fullNotification = new()
    {
        Publisher = "node-1",
        Sequence = 300,
        Kind = NotificationKind.Fresh,
        Epoch = "life",
        Key = "k\u00e4y",
        Token = 1_700_000_000_000_000,
        Payload = s_value,
        FreshFor = s_time,
        DueIn = s_past,
        ActiveFor = TimeSpan.MaxValue,
        Failure = s_failure,
    };

    private static readonly CacheNotification s_plainNotification = new() { Publisher = "", Kind = NotificationKind.Released, Epoch = "", Key = "k" };

    private static readonly CacheNotification s_heartbeat = new() { Publisher = "node-1", Sequence = long.MaxValue, Kind = NotificationKind.Heartbeat, Epoch = "life" };

    private static readonly CacheNotification s_probe = new()
    {
        Publisher = "node-1",
        Sequence = 300,
        Kind = NotificationKind.WaitProbe,
        Epoch = "life",
        Key = "k\u00e4y",
        Token = 5,
        Probe = new WaitProbe { Initiator = "node-2", Wait = 300, Round = 2, Victim = "z", Path = ["a", "", "\u2026"] },
    };

    private static readonly StoreSchedule s_schedule = new() { FreshFor = s_time, Interval = TimeSpan.FromSeconds(1), MinimumForward = s_time, ActiveFor = s_time };

    private static readonly StoreRecord s_record = new() { Payload = s_value, Token = 5, FreshFor = s_time, DueIn = s_past, ActiveFor = s_time };

    private static readonly ClaimHeld s_held = new() { Node = "n", Key = "k", Token = 1, EndsIn = s_time };

    private static readonly ClaimAwaited s_awaited = new() { Node = "n", Key = "k", Token = 2, Holder = "other" };

    public static IReadOnlyList<object> ToShards { get; } =
    [
        ShardPing.Instance,
        s_held,
        s_awaited,
        new AwaitEnded { Node = "n", Key = "" },
        new OutcomeKnown { Node = "n", Outcome = s_fullNotification, Jitter = s_time, Offers = true },
        new OutcomeKnown { Node = "n", Outcome = s_plainNotification },
        new KeysOffered { Node = "n", Keys = [new OfferedKey("a", 1, s_past, s_time, s_time), new OfferedKey("b", 0, null, default, default)] },
        new KeysOffered { Node = "n", Keys = [] },
        new RegenerationDeclined { Node = "n", Key = "k", IsOver = true, DueIn = s_time },
        new RegenerationDeclined { Node = "n", Key = "k" },
        new NodeLeaving { Node = "n" },
        new ResyncAnswered { Node = "n", Incarnation = 7, Held = [s_held], Awaited = [s_awaited], Offered = [new OfferedKey("a", 1, null, s_time, s_time)] },
        new ResyncAnswered { Node = "n", Incarnation = long.MaxValue },
        new RecordsRecovered { Node = "n", Epoch = "life", Records = [new RecoveryRecord("k", 5, s_value, s_time, s_time, s_past, s_time), new RecoveryRecord("", 0, null, default, default, null, default)] },
        new StoreAsk(1, new ReadRequest { Key = "k" }),
        new StoreAsk(2, new ClaimRequest
        {
            Key = "k",
            Operation = s_operation,
            Owner = "node-1",
            Lease = s_time,
            Reason = ClaimReason.Refresh,
            ObservedToken = 3,
            AwaitedToken = 4,
            ActiveFor = s_time,
            StealFrom = "node-2",
        }),
        new StoreAsk(3, new ClaimRequest { Key = "k", Operation = s_operation, Owner = "", Lease = default }),
        new StoreAsk(4, new CommitRequest { Key = "k", Operation = s_operation, Token = 5, ClaimEpoch = "life", Payload = s_value, Schedule = s_schedule }),
        new StoreAsk(5, new CommitRequest { Key = "k", Operation = s_operation, Token = 5, Payload = s_empty, Schedule = new StoreSchedule { FreshFor = s_time } }, 100_000),
        new StoreAsk(6, new ReleaseRequest
        {
            Key = "k",
            Operation = s_operation,
            Token = 5,
            Failure = s_failure,
            Backoff = s_time,
            DueBackoff = s_time,
            OnlyIfUncontended = true,
        }),
        new StoreAsk(7, new ReleaseRequest { Key = "k", Operation = s_operation, Token = 5 }),
        new StoreAsk(8, new WriteRequest { Key = "k", Operation = s_operation, Payload = s_value, Schedule = s_schedule, ObservedToken = 6, IsRetry = true, AskedAgo = s_time }),
        new StoreAsk(9, new WriteRequest { Key = "k", Operation = s_operation, Payload = s_empty, Schedule = new StoreSchedule { FreshFor = s_time } }),
        new StoreAsk(10, new InvalidateRequest { Key = "k", Operation = s_operation, ObservedToken = 6, IsRetry = true, AskedAgo = s_time, TombstoneFor = s_time }),
        new StoreAsk(11, new InvalidateRequest { Key = "k", Operation = s_operation, TombstoneFor = s_time }),
        new StoreAsk(12, new RenewBatch([new HeldClaim("a", 1), new HeldClaim("b", 2)], s_time)),
        new StoreAsk(13, new RenewBatch([], s_time)),
        new StoreAsk(14, new TouchBatch([new KeyActivity("a", s_time)])),
        new StoreAsk(15, new CheckBatch(["a", "", "c"])),
        new PayloadChunk(16, 65_536, new byte[] { 9, 8, 7 }),
        new RecordWanted(17, "k", 5, 0, 1_048_576),
        new HandoffPart(18, 1, 3, "life", new byte[] { 1 }),
    ];

    public static IReadOnlyList<object> ToNodes { get; } =
    [
        s_fullNotification,
        s_plainNotification,
        s_heartbeat,
        s_probe,
        s_probe with { Probe = s_probe.Probe! with { Path = [] } },
        s_probe with { Probe = null },
        new ClaimOrphaned { Shard = 3, Incarnation = 4, Key = "k", Token = 5, Holder = "node-2" },
        new OutcomePushed { Shard = 3, Incarnation = 4, Outcome = s_fullNotification },
        new OutcomePushed { Shard = 3, Incarnation = 4, Outcome = s_plainNotification },
        new RegenerationDue { Shard = 3, Incarnation = 4, Key = "k", Orphan = "node-2" },
        new RegenerationDue { Shard = 3, Incarnation = 4, Key = "k" },
        new ResyncRequested { Shard = 4095, Incarnation = 1_700_000_000_000_000 },
        new StoreReply(1, new ReadAnswer { Epoch = "life", Record = s_record }),
        new StoreReply(1, new ReadAnswer { Epoch = "life", Record = new StoreRecord { Payload = s_empty, Token = 5 } }, 100_000),
        new StoreReply(1, new ReadAnswer { Epoch = "life", Record = new StoreRecord { Token = 5 } }),
        new StoreReply(1, new ReadAnswer { Epoch = "life" }),
        new StoreReply(2, new ClaimAnswer
        {
            Epoch = "life",
            Outcome = ClaimOutcome.BackingOff,
            Token = 5,
            Owner = "node-1",
            Remaining = s_time,
            Record = s_record,
            Failure = s_failure,
        }),
        new StoreReply(2, new ClaimAnswer { Epoch = "life", Outcome = ClaimOutcome.Granted }),
        new StoreReply(3, new RenewAnswer { Epoch = "life", Outcomes = [RenewOutcome.Held, RenewOutcome.Lost, RenewOutcome.Unknown] }),
        new StoreReply(4, new ChangeAnswer { Epoch = "life", Accepted = true, Token = 5, DueIn = s_time, ActiveFor = s_past }),
        new StoreReply(4, new ChangeAnswer { Epoch = "life", Accepted = false, Token = 5 }),
        new StoreReply(5, new ReleaseAnswer { Epoch = "life", Released = true }),
        new StoreReply(6, new TouchAnswer { Epoch = "life" }),
        new StoreReply(7, new CheckAnswer { Epoch = "life", Checks = [new TokenCheck(5, true), default] }),
        new StoreFailed(8, "why"),
        new PayloadWanted(9, 1_048_576, 1_048_576),
        new PayloadChunk(10, 0, new byte[] { 1, 2 }),
        new AskAgain(11),
        new HandoffAnnounced(63, 18),
        new NodeHello("machine-1-abc", IsAnswer: true),
        new CorrelatedMessage(new byte[] { 0xA7, 1, 2, 3 }),
    ];

    public static IEnumerable<object> All => [.. ToShards.Select(body => new ToShard(300, body)), .. ToNodes.Select(body => new ToNode(body))];
}
