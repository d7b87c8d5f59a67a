using System.Diagnostics;
using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>What a <see cref="CoordinatorShard"/> must be told once.</summary>
internal sealed record CoordinatorSettings
{
    /// <summary>The shard it is for.</summary>
    public required int Shard { get; init; }

    /// <summary>This incarnation's number: higher than those of all before it.</summary>
    public required long Incarnation { get; init; }

    /// <summary>So many keys it keeps the schedule of; of more, the nodes keep it by themselves.</summary>
    public int MaximumKeys { get; init; } = 1_000_000;

    /// <inheritdoc cref="AgentSettings.Omits"/>
    public Func<Step, object?, bool>? Omits { get; init; }

    /// <summary>For tests: told each message before it is handled; throws where the coordinator is to fail.</summary>
    public Action<object>? Hears { get; init; }
}

/// <summary>
/// Layer 1 of the protocol: the coordinator of one shard of the keys, as a deterministic machine: no I/O, no clock, no randomness of its own.
/// </summary>
/// <remarks>
/// <para>
/// <b>What it is for.</b> The store arbitrates; a coordinator only knows more than the store does: who lives. It (1) wakes those who wait for a
/// claim with its outcome, should the fan-out have missed them; (2) keeps the due times and asks one node to regenerate; (3) when a node dies that
/// holds a claim, lets one of those who wait take it over at once, without the end of the lease; (4) gives the schedule of a node that leaves or dies to
/// another one.
/// </para>
/// <para>
/// <b>Why it can't do harm.</b> Nobody waits for it: a node asks the store as if there were no coordinator, and tells it what came of it. What it
/// asks for (claim this, take that over) are claims that the store grants or not. So it may be lost, doubled, late, or wrong about who is dead: each of
/// them costs a lease's time or one run more, and a promise never. All it knows is soft: a new incarnation asks all nodes once
/// (<see cref="ResyncRequested"/>) and knows the same.
/// </para>
/// <para>Times are ticks (100 ns) of a monotonic clock, handed in. Not thread-safe.</para>
/// </remarks>
internal sealed partial class CoordinatorShard
{
    /// <summary>How many deadlines one call serves at most.</summary>
    private const int DeadlinesPerCall = 1024;

    /// <summary>How long a node that was asked to act has before another one is asked.</summary>
    private static readonly long s_patience = TimeSpan.FromMilliseconds(250).Ticks;

    /// <summary>How long an outcome is remembered for those who register late.</summary>
    private static readonly long s_remembered = TimeSpan.FromSeconds(2).Ticks;

    /// <summary>So often at the most it takes a higher number.</summary>
    private static readonly long s_renumbering = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>How long it remembers a claim that it knows of from others only.</summary>
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
    private long _surveyAt;

    public CoordinatorShard(CoordinatorSettings settings, Random random)
    {
        _settings = settings;
        _random = random;
        _incarnation = settings.Incarnation;
    }

    /// <summary>This incarnation's number, as the nodes know it.</summary>
    public long Incarnation => _incarnation;

    /// <summary>Keys it knows of.</summary>
    public int KeyCount => _keys.Count;

    /// <summary>When it wants to be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline => Math.Min(_surveyAt, _deadlines.First);

    /// <summary>Takes a message (a <see cref="ToCoordinator"/>, a <see cref="NodeDown"/> or a <see cref="Tick"/>); serves the deadlines that have come.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks (100 ns).</param>
    /// <param name="outbox">Gets what is to be told.</param>
    /// <exception cref="InvalidOperationException">An invariant is broken: the incarnation is of no use any more.</exception>
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

    /// <summary>The keys with something going on that nothing will end, for the simulator's final check.</summary>
    internal IEnumerable<string> Leftovers() =>
        _keys.Values.Where(k => k.TrackedClaim is { NextDeadline: long.MaxValue }).Select(k => $"{k.Key}: held {k.TrackedClaim!.HoldToken}, {k.TrackedClaim.Awaiting.Count} waiting");

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
                OnSurveyAnswered(node, answered);
                return;
        }

        // Believed dead until now, or not known: it tells all that it holds.
        if (isNews && _surveyAt == long.MaxValue)
            _out.Send(said.Node, new ResyncRequested { Shard = _settings.Shard, Incarnation = _incarnation });
    }

    private void OnLeaving(int node)
    {
        _nodes.Leave(node);
        Unoffer(node);
    }

    private void OnSurveyAnswered(int node, ResyncAnswered answered)
    {
        if (answered.Incarnation > _incarnation)
        {
            // The nodes heed another incarnation: one that is gone, and was begun where the clock is ahead. Should both live, they don't vie without pause.
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
        if (_surveyAt <= _now)
        {
            _surveyAt = long.MaxValue;
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

    /// <summary>Ends a step on a key: its deadline is queued, or nothing is left of it and it goes.</summary>
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
