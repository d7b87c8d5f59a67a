using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Simulation;

/// <summary>What one seed plays: how large the farm is, what goes wrong and how often. Drawn from the seed.</summary>
internal sealed record SimOptions
{
    public required int Nodes { get; init; }

    public required EntryProfile[] Keys { get; init; }

    /// <summary>How long callers call and faults strike.</summary>
    public required long Active { get; init; }

    /// <summary>Mean time between two calls in the whole farm.</summary>
    public required long CallEvery { get; init; }

    public required long Lease { get; init; }

    public required int InlineBytes { get; init; }

    public required int MaximumPendingChanges { get; init; }

    /// <summary>How many generators run at once on a node that callers wait for.</summary>
    public int MaximumForeground { get; init; } = int.MaxValue;

    /// <summary>How many keys may wait for their turn.</summary>
    public int MaximumQueued { get; init; } = int.MaxValue;

    /// <summary>Whether generations wait for a place.</summary>
    public bool HasPlaces => MaximumForeground < int.MaxValue;

    /// <summary>Whether the store tells of commits by itself.</summary>
    public required bool StoreAnnounces { get; init; }

    /// <summary>Whether anything goes wrong at all: without faults more is demanded.</summary>
    public required bool HasFaults { get; init; }

    /// <summary>Shares of store operations: request lost, answer lost after the work was done, slow.</summary>
    public double RequestLost { get; init; }

    public double AnswerLost { get; init; }

    public double Slow { get; init; }

    /// <summary>Share of notifications lost, and doubled.</summary>
    public double NoticeLost { get; init; }

    public double NoticeDoubled { get; init; }

    /// <summary>Whether lost notifications, and eviction, are the worst that happens.</summary>
    public bool LosesNoticesOnly =>
        NoticeLost > 0 && SplitEvery + PartitionEvery + CrashEvery + PauseEvery == 0 && StoreAnswers;

    /// <summary>Mean time between faults of a kind; 0: never.</summary>
    public long CrashEvery { get; init; }

    public long PauseEvery { get; init; }

    public long PartitionEvery { get; init; }

    public long OutageEvery { get; init; }

    /// <summary>The store begins a new epoch: without its data, or with its clock turned back, or both.</summary>
    public long NewEpochEvery { get; init; }

    /// <summary>A replica of the store takes over that has not heard of the last second.</summary>
    public long FailOverEvery { get; init; }

    /// <summary>The store's clock is set, by up to three seconds.</summary>
    public long ClockStepEvery { get; init; }

    public long EvictEvery { get; init; }

    /// <summary>The store evicts something that it holds: a value, a tombstone, a claim, the schedule, first answers.</summary>
    public long StoreEvictEvery { get; init; }

    /// <summary>How many shards have a coordinator; 0: there are none.</summary>
    public int Shards { get; init; }

    /// <summary>In how many parts the store fails and begins new lives on its own.</summary>
    public int Partitions { get; init; } = 1;

    /// <summary>
    /// The node that holds a partition of the store dies: the partition, and the shard's coordinator, are gone for seconds, and come back
    /// knowing nothing.
    /// </summary>
    public long PartitionLossEvery { get; init; }

    /// <summary>
    /// A partition in which a partition of the store lives twice: some nodes have one, with nothing in it, to themselves, until that ends.
    /// </summary>
    public long SplitEvery { get; init; }

    /// <summary>Share of the messages to and from coordinators that are lost; half as many are doubled.</summary>
    public double CoordinationLost { get; init; }

    /// <summary>
    /// Whether messages between a node and a coordinator arrive in the order in which they were sent, as those between actors do.
    /// </summary>
    public bool CoordinationInOrder { get; init; }

    /// <summary>A shard moves: with or without a hand-off, or lives twice for a while.</summary>
    public long ShardMoveEvery { get; init; }

    /// <summary>
    /// A node is out of the cluster for good, and goes on alone: without coordinators, and where partitions of the store live with these,
    /// with a store of its own and no notifications.
    /// </summary>
    public long DowningEvery { get; init; }

    /// <summary>A node that lives is believed dead.</summary>
    public long FalseDeathEvery { get; init; }

    /// <summary>Whether coordinators hear of a death late.</summary>
    public bool DeathSeenLate { get; init; }

    /// <summary>
    /// A node alone is cut off from the store: with <see cref="StoreAnnounces"/>, whose notifications go through the store, from all others
    /// as well.
    /// </summary>
    public long CutOffEvery { get; init; }

    /// <summary>Whether nothing but that goes wrong: what it has cost is to be made good soon after.</summary>
    public bool IsReturnCertain => CutOffEvery > 0 && OutageEvery + PartitionLossEvery + PauseEvery + PartitionEvery + SplitEvery + NewEpochEvery + FailOverEvery + ClockStepEvery == 0
        && RequestLost + AnswerLost + Slow + NoticeLost == 0;

    /// <summary>Whether callers set and remove, too.</summary>
    public bool HasChanges { get; init; }

    /// <summary>Whether nodes hear of a death as well, and not the coordinators alone.</summary>
    public bool NodesHearOfDeaths { get; init; }

    /// <summary>
    /// Whether all that goes wrong is that notifications are lost, so that coordinators wake everybody in time. Not where messages overtake
    /// each other: a node that waits no longer, and waits again, is forgotten when the second one comes first.
    /// </summary>
    public bool IsPushCertain => Shards > 0 && !HasPlaces && LosesNoticesOnly && CoordinationInOrder
        && CoordinationLost + DowningEvery + ShardMoveEvery + FalseDeathEvery == 0;

    /// <summary>Whether a node's death is noticed soon, and nothing stands in the way of taking its claims over.</summary>
    public bool IsTakeOverCertain => Shards > 0 && !HasPlaces && CrashEvery > 0 && CoordinationLost == 0 && !DeathSeenLate && FalseDeathEvery + DowningEvery == 0
        && PauseEvery + PartitionEvery + SplitEvery + NewEpochEvery + FailOverEvery + ClockStepEvery == 0 && StoreAnswers;

    /// <summary>Whether coordinators have nothing to keep them from regenerating in time.</summary>
    public bool IsScheduleCertain => Shards > 0 && !HasPlaces && !HasFaults && BringsValues;

    /// <summary>Whether the store answers each operation, and soon.</summary>
    public bool StoreAnswers => OutageEvery + PartitionLossEvery + CutOffEvery == 0 && RequestLost + AnswerLost + Slow == 0;

    /// <summary>Whether each generator run brings a value, and soon.</summary>
    public bool BringsValues => Fails + Hangs + Uncached + TooLarge + Long == 0;

    /// <summary>Shares of generator runs that fail, hang, answer "do not store", or are too large.</summary>
    public double Fails { get; init; }

    public double Hangs { get; init; }

    public double Uncached { get; init; }

    public double TooLarge { get; init; }

    /// <summary>Share of generator runs that take up to several leases.</summary>
    public double Long { get; init; }

    /// <summary>How long the other runs take at most.</summary>
    public long LongestRun { get; init; } = Millis(300);

    /// <summary>Largest deviation of a node's clock rate.</summary>
    public double Drift { get; init; }

    /// <summary>
    /// Whether a value lives long enough after it is due that, whatever goes wrong here, the next one is there before: generators bring
    /// values, nobody stands still, and the tolerance covers what a dead holder, and a store that doesn't answer, cost.
    /// </summary>
    public bool Bridges(EntryProfile profile) => BringsValues && PauseEvery == 0 && ClockStepEvery == 0
        && profile.Tolerance >= profile.Jitter + profile.Grace + LongestRun + Seconds(1)
            + (CrashEvery + SplitEvery + PartitionEvery + ShardMoveEvery > 0 ? 2 * Lease : 0)
            + (StoreAnswers ? 0 : Seconds(4) + Lease);

    public EntryProfile ProfileOf(string key) => Keys[key[1] - '0'];

    public static SimOptions Draw(Random random)
    {
        // Places for generations; not where what is measured is how soon something is made.
        var isBounded = random.Next(5) == 0;

        // Generators bring values, values live long and nobody changes them: whatever the farm suffers, none may run out.
        var calm = !isBounded && random.Next(4) == 0;
        var keys = new EntryProfile[random.Next(1, 5)];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = DrawProfile(random, calm);
        var faults = random.Next(4) != 0;
        var store = faults && random.Next(2) == 0;
        var notices = faults && random.Next(3) != 0;
        var nodes = faults && random.Next(2) == 0;
        var shards = random.Next(2) == 0 ? 0 : calm ? 2 : random.Next(1, 3);
        var parts = shards > 1 && random.Next(2) == 0 ? shards : 1;
        var coordinators = faults && shards > 0 && random.Next(2) == 0;

        // Nothing but deaths, and much for them to strike: then what was held must be taken over soon.
        var deaths = !isBounded && faults && shards > 0 && random.Next(5) == 0;
        if (deaths)
            store = coordinators = false;
        var clockSteps = store && !calm && random.Next(5) == 0;
        var failsOver = store && parts == 1 && random.Next(4) == 0;

        // Tokens are remembered longer than what they are of, but not by a store that evicts all of it; and a replica evicts what it likes.
        var evicts = faults && !deaths && parts == 1 && !clockSteps && !failsOver && random.Next(4) == 0;
        return new SimOptions
        {
            HasChanges = !calm,
            MaximumForeground = isBounded ? random.Next(1, 3) : int.MaxValue,
            MaximumQueued = isBounded && random.Next(2) == 0 ? random.Next(3) : int.MaxValue,
            Nodes = deaths ? random.Next(3, 7) : random.Next(1, 6),
            Keys = keys,
            Active = Seconds(random.Next(10, 40)),
            CallEvery = Millis(random.Next(5, 400)),
            Lease = Millis(random.Next(deaths ? 2500 : 300, 3000)),
            InlineBytes = random.Next(3) == 0 ? 0 : 100,
            MaximumPendingChanges = random.Next(4) == 0 ? random.Next(3) : 1000,
            StoreAnnounces = random.Next(2) == 0,
            HasFaults = faults,
            RequestLost = store ? random.NextDouble() * 0.05 : 0,
            AnswerLost = store ? random.NextDouble() * 0.05 : 0,
            Slow = store ? random.NextDouble() * 0.1 : 0,
            NoticeLost = !notices ? 0 : shards > 0 && random.Next(calm ? 2 : 4) == 0 ? 1 : random.NextDouble() * 0.3,
            NoticeDoubled = notices ? random.NextDouble() * 0.1 : 0,
            CrashEvery = deaths ? Seconds(random.Next(2, 5)) : nodes && random.Next(2) == 0 ? Seconds(random.Next(3, 20)) : 0,
            PauseEvery = nodes && !deaths && !calm && random.Next(2) == 0 ? Seconds(random.Next(3, 20)) : 0,
            PartitionEvery = notices && !deaths && random.Next(2) == 0 ? Seconds(random.Next(3, 20)) : 0,
            OutageEvery = store && random.Next(2) == 0 ? Seconds(random.Next(5, 30)) : 0,
            NewEpochEvery = store && random.Next(3) == 0 ? Seconds(random.Next(5, 30)) : 0,
            FailOverEvery = failsOver ? Seconds(random.Next(3, 20)) : 0,
            ClockStepEvery = clockSteps ? Seconds(random.Next(3, 20)) : 0,
            EvictEvery = random.Next(2) == 0 ? Millis(random.Next(200, 5000)) : 0,
            Fails = !calm && random.Next(2) == 0 ? random.NextDouble() * 0.3 : 0,
            Hangs = !calm && random.Next(3) == 0 ? random.NextDouble() * 0.1 : 0,
            Uncached = !calm && random.Next(3) == 0 ? random.NextDouble() * 0.1 : 0,
            TooLarge = !calm && random.Next(6) == 0 ? random.NextDouble() * 0.1 : 0,
            Long = calm ? 0 : deaths ? 0.7 : random.Next(2) == 0 ? random.NextDouble() * 0.2 : 0,
            LongestRun = Millis(calm ? random.Next(100, 1500) : 300),
            Drift = faults ? random.NextDouble() * 0.002 : 0,
            Shards = shards,
            Partitions = parts,
            PartitionLossEvery = parts > 1 && faults && random.Next(calm ? 1 : 3) == 0 ? Seconds(random.Next(4, 15)) : 0,
            SplitEvery = shards > 1 && faults && random.Next(3) == 0 ? Seconds(random.Next(5, 20)) : 0,
            CoordinationLost = coordinators && !calm && random.Next(2) == 0 ? random.NextDouble() * 0.2 : 0,
            CoordinationInOrder = !coordinators,
            ShardMoveEvery = faults && shards > 0 && random.Next(calm ? 4 : 2) != 0 ? Seconds(random.Next(2, 15)) : 0,
            FalseDeathEvery = coordinators && !calm && random.Next(2) == 0 ? Seconds(random.Next(2, 15)) : 0,
            DeathSeenLate = coordinators && random.Next(2) == 0,
            NodesHearOfDeaths = shards > 0 && random.Next(2) == 0,
            DowningEvery = faults && !deaths && shards > 0 && random.Next(4) == 0 ? Seconds(random.Next(4, 15)) : 0,
            StoreEvictEvery = evicts ? Millis(random.Next(50, 5000)) : 0,
            CutOffEvery = faults && !deaths && random.Next(4) == 0 ? Seconds(random.Next(3, 15)) : 0,
        };
    }

    /// <summary>
    /// Worlds in which nothing but notifications is lost, and often all of them: whoever waits for another node's claim is woken by its
    /// coordinator, or late.
    /// </summary>
    public static SimOptions DrawLosingNotices(Random random) => Draw(random) with
    {
        HasFaults = true,
        HasChanges = false,
        Shards = random.Next(1, 3),
        Partitions = 1,
        Nodes = random.Next(2, 6),
        MaximumForeground = int.MaxValue,
        MaximumQueued = int.MaxValue,
        NoticeLost = random.Next(2) == 0 ? 1 : 0.1 + (random.NextDouble() * 0.2),
        RequestLost = 0,
        AnswerLost = 0,
        Slow = 0,
        CrashEvery = 0,
        PauseEvery = 0,
        PartitionEvery = 0,
        OutageEvery = 0,
        NewEpochEvery = 0,
        FailOverEvery = 0,
        ClockStepEvery = 0,
        StoreEvictEvery = 0,
        PartitionLossEvery = 0,
        SplitEvery = 0,
        CoordinationLost = 0,
        CoordinationInOrder = true,
        ShardMoveEvery = 0,
        DowningEvery = 0,
        FalseDeathEvery = 0,
        CutOffEvery = 0,
    };

    public static long Seconds(double seconds) => (long)(seconds * TimeSpan.TicksPerSecond);

    public static long Millis(double millis) => (long)(millis * TimeSpan.TicksPerMillisecond);

    private static EntryProfile DrawProfile(Random random, bool calm)
    {
        var interval = Millis(random.Next(200, 5000));
        return new EntryProfile
        {
            Interval = interval,
            Retention = random.Next(3) == 0 ? 0 : interval + Seconds(random.Next(1, 15)),
            Tolerance = calm || random.Next(4) == 0 ? Seconds(random.Next(5, calm ? 15 : 60)) : Millis(random.Next(0, 5000)),
            MinimumForward = Millis(random.Next(0, 200)),
            GenerationDeadline = Millis(random.Next(1500, 8000)),
            HardTimeout = random.Next(3) == 0 ? Millis(random.Next(300, 5000)) : long.MaxValue,
            FailureBackoff = random.Next(3) == 0 ? Millis(random.Next(100, 1500)) : 0,
            Jitter = Math.Min(interval / 10, Seconds(1)),
            BackgroundWrites = random.Next(4) == 0,
        };
    }
}
