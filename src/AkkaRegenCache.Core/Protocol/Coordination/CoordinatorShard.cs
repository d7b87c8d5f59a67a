using System.Diagnostics;
using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>The settings of a <see cref="CoordinatorShard"/>.</summary>
internal sealed record CoordinatorSettings
{
    /// <summary>The coordinator's shard.</summary>
    public required int Shard { get; init; }

    /// <summary>This incarnation's number, higher than those of all incarnations before it.</summary>
    public required long Incarnation { get; init; }

    /// <summary>The most keys whose schedule the coordinator keeps. For further keys the nodes' own timers remain.</summary>
    public int MaximumKeys { get; init; } = 1_000_000;

    /// <inheritdoc cref="AgentSettings.Omits"/>
    public Func<Step, object?, bool>? Omits { get; init; }

    /// <summary>For tests: called with each message before it is handled. It throws to make the coordinator fail.</summary>
    public Action<object>? Hears { get; init; }
}

/// <summary>
/// Layer 1 of the protocol: the coordinator of one shard of the keys, as a deterministic machine without I/O, clock or randomness of its
/// own.
/// </summary>
/// <remarks>
/// <para>
/// <b>What it is for.</b> The store arbitrates, but it does not know which nodes are alive. The coordinator does. (1) It pushes the outcome
/// of a claim to the nodes that wait for it, in case they missed the notification. (2) It keeps the due times and asks one node to
/// regenerate. (3) When a claim's holder dies, it lets a waiting node steal the claim before its lease ends. (4) When a node leaves or
/// dies, it gives its schedule to other nodes.
/// </para>
/// <para>
/// <b>Why it can't do harm.</b> No node waits for it: a node asks the store as if there were no coordinator, and reports the result. What
/// the coordinator asks for are ordinary claims, which the store grants or refuses. So it may be lost, doubled, late, or wrong about which
/// node is dead. Each of these costs a lease's time or one more run, and never a promise. Its state is soft: a new incarnation asks all
/// nodes once (<see cref="ResyncRequested"/>) and then knows the same.
/// </para>
/// <para>Times are ticks (100 ns) of a monotonic clock, passed in by the caller. Not thread-safe.</para>
/// </remarks>
internal sealed partial class CoordinatorShard
{
    /// <summary>How many deadlines one call serves at most.</summary>
    private const int DeadlinesPerCall = 1024;

    /// <summary>How long a node has to act before another one is asked.</summary>
    private static readonly long s_patience = TimeSpan.FromMilliseconds(250).Ticks;

    /// <summary>How long an outcome is remembered for nodes that begin to wait late.</summary>
    private static readonly long s_remembered = TimeSpan.FromSeconds(2).Ticks;

    /// <summary>The shortest time between two increases of the incarnation's number.</summary>
    private static readonly long s_renumbering = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>How long a claim is remembered that only a waiting node has reported.</summary>
    private static readonly long s_reportedKept = TimeSpan.FromMinutes(1).Ticks;

    private readonly CoordinatorSettings _settings;
    private readonly Random _random;
    private readonly Dictionary<string, TrackedKey> _keys = new(StringComparer.Ordinal);
    private readonly CoordinatorNodes _nodes = new();
    private readonly DeadlineQueue<TrackedKey> _deadlines = new();
    private CoordinatorOutbox _out = null!;
    private long _incarnation;
    private long _now = long.MinValue;
    private long _renumberedAt = -s_renumbering;
    private long _resyncAt;

    public CoordinatorShard(CoordinatorSettings settings, Random random)
    {
        _settings = settings;
        _random = random;
        _incarnation = settings.Incarnation;
    }

    /// <summary>This incarnation's number, as the nodes know it.</summary>
    public long Incarnation => _incarnation;

    /// <summary>The number of keys it knows.</summary>
    public int KeyCount => _keys.Count;

    /// <summary>When it must be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline => Math.Min(_resyncAt, _deadlines.First);

    /// <summary>
    /// Handles a message (a <see cref="ToCoordinator"/>, a <see cref="NodeDown"/> or a <see cref="Tick"/>) and all deadlines that have
    /// passed.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks (100 ns).</param>
    /// <param name="outbox">Receives the messages to send.</param>
    /// /// <exception cref="InvalidOperationException">An invariant is broken; the incarnation must not be used any more.</exception>
    public void On(object message, long now, CoordinatorOutbox outbox)
    {
        _settings.Hears?.Invoke(message);
        if (now < _now)
            throw new InvalidOperationException($"Time went back from {_now} to {now}.");
        _now = now;
        _out = outbox;
        switch (message)
        {
            case ToCoordinator said:
                OnSaid(said);
                break;
            case NodeDown down:
                OnNodeDown(down.Node);
                break;
            case Tick:
                break;
            default:
                throw new ArgumentException($"A coordinator takes no {message.GetType().Name}.", nameof(message));
        }

        Serve();
    }

    /// <summary>Keys with a state that no deadline will end, for the simulator's final check.</summary>
    internal IEnumerable<string> Leftovers() =>
        _keys.Values.Where(k => k.TrackedClaim is { NextDeadline: long.MaxValue })
            .Select(k => $"{k.Key}: held {k.TrackedClaim!.HoldToken}, {k.TrackedClaim.Awaiting.Count} waiting");

    internal TrackedKey? Find(string key) => _keys.GetValueOrDefault(key);

    /// <summary>Asks all nodes what they know.</summary>
    private void Resync()
    {
        if (!Omits(Step.Resync))
            _out.Send(null, new ResyncRequested { Shard = _settings.Shard, Incarnation = _incarnation });
    }

    private bool Omits(Step step) => _settings.Omits is { } omits && omits(step, null);

    private void OnSaid(ToCoordinator said)
    {
        var node = _nodes.Hear(said.Node, out var isNews);
        switch (said)
        {
            case ClaimHeld held:
                OnHeld(node, held);
                break;
            case ClaimAwaited awaited:
                OnAwaited(node, awaited);
                break;
            case AwaitEnded ended:
                OnAwaitEnded(node, ended.Key);
                break;
            case OutcomeKnown known:
                OnOutcome(node, known);
                break;
            case KeysOffered offered:
                OnOffered(node, offered.Keys);
                break;
            case RegenerationDeclined declined:
                OnDeclined(node, declined);
                break;
            case NodeLeaving:
                OnLeaving(node);
                return;
            case RecordsRecovered:
                break;
            case ResyncAnswered answered:
                OnResyncAnswered(node, answered);
                return;
        }

        // The node was unknown or believed dead, so its claims and waits are not known here.
        if (isNews && _resyncAt == long.MaxValue)
            _out.Send(said.Node, new ResyncRequested { Shard = _settings.Shard, Incarnation = _incarnation });
    }

    private void OnLeaving(int node)
    {
        _nodes.Leave(node);
        Unoffer(node);
    }

    private void OnResyncAnswered(int node, ResyncAnswered answered)
    {
        if (answered.Incarnation > _incarnation)
        {
            // The nodes follow an incarnation with a higher number: one that has ended, on a host whose clock is ahead. If both are alive,
            // the pause keeps them from outbidding each other without end.
            if (_now - _renumberedAt >= s_renumbering)
            {
                _incarnation = answered.Incarnation + 1;
                _renumberedAt = _now;
                Resync();
            }

            return;
        }

        foreach (var held in answered.Held)
            OnHeld(node, held);
        foreach (var awaited in answered.Awaited)
            OnAwaited(node, awaited);
        OnOffered(node, answered.Offered);
    }

    private void Serve()
    {
        if (_resyncAt <= _now)
        {
            _resyncAt = long.MaxValue;
            Resync();
        }

        for (var i = 0; i < DeadlinesPerCall && _deadlines.TryTake(_now, out var tracked); i++)
        {
            ServeKey(tracked);
            Settle(tracked);
        }
    }

    private void ServeKey(TrackedKey tracked)
    {
        if (tracked.TrackedClaim is { } standing)
        {
            if (standing.HoldEnds <= _now)
                EndHold(standing);
            if (standing.AwaitingUntil <= _now)
                standing.Awaiting.Clear();

            if (standing.RememberedUntil <= _now)
            {
                standing.LastOutcome = null;
                standing.RememberedUntil = long.MaxValue;
            }

            if (standing.AskedUntil <= _now)
                AskNext(tracked);
        }

        if (tracked.DueAt <= _now)
        {
            tracked.DueAt = long.MaxValue;
            ServeDue(tracked);
        }
    }

    private TrackedKey KeyOf(string key)
    {
        ref var tracked = ref CollectionsMarshal.GetValueRefOrAddDefault(_keys, key, out _);
        return tracked ??= new TrackedKey(key);
    }

    /// <summary>Ends a step on a key: queues its deadline, or removes a key without state.</summary>
    private void Settle(TrackedKey tracked)
    {
        if (tracked.TrackedClaim is { IsOver: true })
            tracked.TrackedClaim = null;
        Debug.Assert(tracked.TrackedClaim is null || tracked.TrackedClaim.NextDeadline < long.MaxValue, "what goes on ends");
        if (tracked.IsIdle || (_keys.Count > _settings.MaximumKeys && tracked.TrackedClaim is null))
        {
            _keys.Remove(tracked.Key);
            _deadlines.Remove(tracked);
            return;
        }

        _deadlines.Put(tracked);
    }

    private long Random(long below) => below <= 0 ? 0 : _random.NextInt64(below);
}
