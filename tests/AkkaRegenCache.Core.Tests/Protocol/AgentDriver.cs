using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>One agent and all that is around it, played by the test: the store answers what the test says, time goes when it says so.</summary>
internal sealed class AgentDriver : IAccessLog
{
    public static readonly EntryProfile Profile = ProfileWith(hardTimeout: long.MaxValue);

    private readonly NodeAgent _agent;
    private readonly Outbox _outbox = new();
    private long _read = long.MinValue;

    public AgentDriver(int parts = 1, bool announces = false, int maximumForeground = 1000)
    {
        _agent = new NodeAgent(
            new AgentSettings
            {
                NodeId = "me",
                Lease = 3 * TimeSpan.TicksPerSecond,
                Heartbeat = TimeSpan.TicksPerSecond,
                MaximumBackground = 8,
                MaximumForeground = maximumForeground,
                InlineBytes = 1000,
                ReadTimeout = TimeSpan.TicksPerSecond,
                WriteTimeout = TimeSpan.TicksPerSecond / 2,
                FailuresToBreak = 3,
                BreakDuration = TimeSpan.TicksPerSecond,
                MaximumPendingChanges = 100,
                StoreAnnounces = () => announces,
                Partitions = parts,
                PartitionOf = parts == 1 ? null : key => key[^1] - '0',
                Shards = parts == 1 ? 0 : parts,
                ShardOf = parts == 1 ? null : key => key[^1] - '0',
            },
            new Random(1),
            this);
    }

    /// <summary>What answers the store's calls as soon as they are made; null from it: this call isn't answered.</summary>
    public Func<StoreCall, StoreReplied?> Store { get; set; } = static _ => null;

    /// <summary>Calls that nobody has answered.</summary>
    public List<StoreCall> Unanswered { get; } = [];

    /// <summary>All that the agent sent, oldest first.</summary>
    public List<object> Sent { get; } = [];

    /// <summary>Time in ticks.</summary>
    public long Now { get; private set; }

    long IAccessLog.LastRead(string key) => _read;

    public KeyState State(string key) => _agent.Find(key)!;

    public IEnumerable<T> All<T>() => Sent.OfType<T>();

    /// <summary>The requests of a kind for a key, so far.</summary>
    public IReadOnlyList<T> Asked<T>(string key = "k0")
        where T : StoreRequest => [.. All<StoreCall>().Select(call => call.Request).OfType<T>().Where(request => request.Key == key)];

    /// <summary>A message comes in; so do the answers that the store has for what the agent does then.</summary>
    public void Tell(Peer from, object message)
    {
        var incoming = new Queue<(Peer From, object Message)>([(from, message)]);
        for (var turns = 0; incoming.TryDequeue(out var next); turns++)
        {
            Assert.True(turns < 10_000, "It goes round and round.");
            _agent.On(next.From, next.Message, Now, _outbox);
            var sent = Enumerable.Range(0, _outbox.Count).Select(i => _outbox[i].Message).ToArray();
            _outbox.Clear();
            Sent.AddRange(sent);
            foreach (var call in sent.OfType<StoreCall>())
            {
                if (Store(call) is { } reply)
                    incoming.Enqueue((Peer.Store, reply));
                else
                    Unanswered.Add(call);
            }
        }
    }

    public void Answer(StoreCall call, StoreAnswer? answer, StoreFault fault = StoreFault.None)
    {
        Assert.True(Unanswered.Remove(call));
        Tell(Peer.Store, new StoreReplied(call, answer, fault));
    }

    /// <summary>Lets time go by, with every deadline on the way.</summary>
    public void Advance(double seconds)
    {
        var end = Now + (long)(seconds * TimeSpan.TicksPerSecond);
        for (var turns = 0; _agent.NextDeadline <= end; turns++)
        {
            Assert.True(turns < 10_000, "It goes round and round.");
            Now = Math.Max(Now, _agent.NextDeadline);
            Tell(Peer.Clock, Tick.Instance);
        }

        Now = end;
    }

    /// <summary>A caller reads the key now: from memory, should it be there.</summary>
    public void ReadHit() => _read = Now;

    public Waiter Ask(WaiterKind kind, string key = "k0", double? hardTimeout = null)
    {
        var caller = NewCaller(kind, key, hardTimeout);
        Tell(Peer.Callers, caller);
        return caller;
    }

    public static Waiter NewCaller(WaiterKind kind, string key = "k0", double? hardTimeout = null) =>
        new Caller(key, kind, hardTimeout is { } seconds ? ProfileWith((long)(seconds * TimeSpan.TicksPerSecond)) : Profile);

    /// <summary>Brings a key into memory: a caller asks, and the store has it.</summary>
    public void Show(string key, long token, double freshFor = 8, double? dueIn = 1, string life = "1")
    {
        var before = Store;
        Store = call => call.Request is ClaimRequest { Reason: ClaimReason.Miss } ? new StoreReplied(call, StillFresh(token, freshFor, dueIn, life)) : null;
        Ask(WaiterKind.Get, key);
        Store = before;
        Assert.True(State(key).InMemory);
        ReadHit();
    }

    public static CachePayload Value(long token) => CachePayload.FromValue($"value {token}", 10);

    public static StoreRecord Record(long token, double freshFor, double? dueIn) => new()
    {
        Token = token,
        Payload = Value(token),
        FreshFor = TimeSpan.FromSeconds(freshFor),
        DueIn = dueIn is { } due ? TimeSpan.FromSeconds(due) : null,
        ActiveFor = TimeSpan.FromSeconds(20),
    };

    public static ReadAnswer Has(long token, double freshFor = 8, double? dueIn = 1, string life = "1") => new() { Epoch = life, Record = Record(token, freshFor, dueIn) };

    /// <summary>The answer to a miss whose record is there.</summary>
    public static ClaimAnswer StillFresh(long token, double freshFor = 8, double? dueIn = 1, string life = "1") =>
        new() { Epoch = life, Outcome = ClaimOutcome.Fresh, Record = Record(token, freshFor, dueIn) };

    public static ClaimAnswer Held(long token, double remaining = 3) =>
        new() { Epoch = "1", Outcome = ClaimOutcome.Held, Token = token, Owner = "other", Remaining = TimeSpan.FromSeconds(remaining) };

    public static ClaimAnswer Granted(long token) => new() { Epoch = "1", Outcome = ClaimOutcome.Granted, Token = token };

    public static CacheNotification Fresh(long token, long sequence, bool withValue = true, string life = "1") => new()
    {
        Publisher = "other",
        Sequence = sequence,
        Kind = NotificationKind.Fresh,
        Epoch = life,
        Key = "k0",
        Token = token,
        Payload = withValue ? Value(token) : null,
        FreshFor = TimeSpan.FromSeconds(8),
        DueIn = TimeSpan.FromSeconds(1),
        ActiveFor = TimeSpan.FromSeconds(20),
    };

    private static EntryProfile ProfileWith(long hardTimeout) => new()
    {
        Interval = TimeSpan.TicksPerSecond,
        Tolerance = 7 * TimeSpan.TicksPerSecond,
        Retention = 20 * TimeSpan.TicksPerSecond,
        MinimumForward = 0,
        GenerationDeadline = 30 * TimeSpan.TicksPerSecond,
        HardTimeout = hardTimeout,
        FailureBackoff = 0,
        Jitter = 0,
    };

    private sealed class Caller(string key, WaiterKind kind, EntryProfile profile)
        : Waiter(key, kind, profile, kind is WaiterKind.Get or WaiterKind.Refresh ? new Source() : null);

    private sealed class Source() : GeneratorSource(AgentDriver.Profile);
}
