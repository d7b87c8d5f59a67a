using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>What a <see cref="CoordinatorShard"/> must be told once.</summary>
internal sealed class CoordinatorSettings
{
    /// <summary>The shard it is for.</summary>
    public required int Shard { get; init; }

    /// <summary>This incarnation's number: higher than those of all before it.</summary>
    public required long Incarnation { get; init; }

    /// <summary>So many keys it keeps the schedule of; of more, the nodes keep it by themselves.</summary>
    public int MaximumKeys { get; init; } = 1_000_000;

    /// <inheritdoc cref="AgentSettings.Omits"/>
    public Func<Step, object?, bool>? Omits { get; init; }
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
/// (<see cref="SurveyAsked"/>) and knows the same.
/// </para>
/// <para>Times are ticks (100 ns) of a monotonic clock, handed in. Not thread-safe.</para>
/// </remarks>
internal sealed class CoordinatorShard
{
    /// <summary>How many deadlines one call serves at most.</summary>
    private const int DeadlinesPerCall = 1024;

    /// <summary>How long a node that was asked to act has before another one is asked.</summary>
    private static readonly long s_patience = TimeSpan.FromMilliseconds(250).Ticks;

    /// <summary>How long an outcome is remembered for those who register late.</summary>
    private static readonly long s_remembered = TimeSpan.FromSeconds(2).Ticks;

    /// <summary>So often at the most it takes a higher number.</summary>
    private static readonly long s_renumbering = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>How long it remembers a claim that it knows of by hearsay.</summary>
    private static readonly long s_hearsay = TimeSpan.FromMinutes(1).Ticks;

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
        _keys.Values.Where(k => k.Engagement is { NextDeadline: long.MaxValue }).Select(k => $"{k.Key}: held {k.Engagement!.HoldToken}, {k.Engagement.Awaiting.Count} waiting");

    internal TrackedKey? Find(string key) => _keys.GetValueOrDefault(key);

    /// <summary>Asks all nodes what they know.</summary>
    private void Survey()
    {
        if (!Omits(Step.Survey))
            _out.Send(null, new SurveyAsked { Shard = _settings.Shard, Incarnation = _incarnation });
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
            case RecordsKept:
                break;
            case SurveyAnswered answered:
                OnSurveyAnswered(node, answered);
                return;
        }

        // Believed dead until now, or not known: it tells all that it holds.
        if (isNews && _surveyAt == long.MaxValue)
            _out.Send(said.Node, new SurveyAsked { Shard = _settings.Shard, Incarnation = _incarnation });
    }

    private void OnHeld(int node, ClaimHeld held)
    {
        var tracked = KeyOf(held.Key);
        var engaged = Engage(tracked);
        if (held.Token < engaged.HoldToken || held.Token <= tracked.Token)
        {
            Settle(tracked);
            return;
        }

        engaged.Holder = node;
        engaged.HoldToken = held.Token;
        engaged.HoldEnds = _now + held.EndsIn.Ticks;
        EndAsking(engaged);
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        tracked.DueAt = long.MaxValue;
        Settle(tracked);
    }

    private void OnAwaited(int node, ClaimAwaited awaited)
    {
        var tracked = KeyOf(awaited.Key);
        var engaged = Engage(tracked);
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        if (engaged.Asked == node)
        {
            // The same claim still stands: the store didn't give it. Another one it was not asked for.
            if (engaged.Orphan == awaited.Holder && engaged.AskedToken == awaited.Token)
                engaged.RefusedToken = awaited.Token;
            EndAsking(engaged);
        }

        var bit = CoordinatorNodes.BitOf(node);
        if (engaged.LastOutcome is { } outcome && outcome.Token >= awaited.Token && (engaged.Told & bit) == 0 && bit != 0)
        {
            // It has ended already; what told so may have been lost, or came before this node was waiting.
            engaged.Told |= bit;
            Push(node, outcome);
            Settle(tracked);
            return;
        }

        engaged.Awaiting.Add((node, awaited.Token));
        engaged.AwaitingUntil = _now + s_hearsay;
        if (_nodes.IsDead(awaited.Holder))
        {
            if (engaged.Asked == TrackedKey.Nobody && engaged.RefusedToken != awaited.Token)
                Orphaned(tracked, awaited.Holder);
        }
        else if (awaited.Token > engaged.HoldToken)
        {
            engaged.Holder = _nodes.Hear(awaited.Holder, out _);
            engaged.HoldToken = awaited.Token;
            engaged.HoldEnds = _now + s_hearsay;
        }

        Settle(tracked);
    }

    private void OnAwaitEnded(int node, string key)
    {
        if (!_keys.TryGetValue(key, out var tracked) || tracked.Engagement is not { } engaged)
            return;
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        if (engaged.Asked == node)
            AskNext(tracked);
        Settle(tracked);
    }

    private void OnOutcome(int node, OutcomeKnown known)
    {
        var outcome = known.Outcome;
        var tracked = KeyOf(outcome.Key);
        if (known.Offers)
            tracked.Offers |= CoordinatorNodes.BitOf(node);
        var isNewest = outcome.Token >= tracked.Token;
        if (isNewest && outcome.Kind is NotificationKind.Fresh or NotificationKind.Removed)
        {
            tracked.Token = outcome.Token;
            tracked.Owner = known.Offers ? node : tracked.Owner;
            Schedule(tracked, outcome.DueIn, outcome.ActiveFor, known.Jitter);
        }

        var engaged = Engage(tracked);
        if (outcome.Token >= engaged.HoldToken)
        {
            // Overtaken by a change: what its holder makes is of no use any more, and those who wait there need wait no longer.
            if (engaged.Holder != TrackedKey.Nobody && engaged.Holder != node && outcome.Token > engaged.HoldToken)
                Push(engaged.Holder, outcome);
            EndHold(engaged);
            EndAsking(engaged);
        }

        if (engaged.LastOutcome is null || outcome.Token >= engaged.LastOutcome.Token)
        {
            engaged.LastOutcome = outcome;
            engaged.RememberedUntil = _now + s_remembered;
            engaged.Told = CoordinatorNodes.BitOf(node);
        }

        foreach (var (waiting, token) in engaged.Awaiting)
        {
            if (token > outcome.Token || waiting == node)
                continue;
            engaged.Told |= CoordinatorNodes.BitOf(waiting);
            Push(waiting, outcome);
        }

        engaged.Awaiting.RemoveAll(a => a.Token <= outcome.Token);
        Settle(tracked);
    }

    /// <summary>Gives a node the outcome it waits for.</summary>
    private void Push(int node, CacheNotification outcome)
    {
        if (!Omits(Step.PushOutcome))
            _out.Send(_nodes[node], new OutcomePushed { Shard = _settings.Shard, Incarnation = _incarnation, Outcome = outcome });
    }

    private void OnOffered(int node, IReadOnlyList<OfferedKey> keys)
    {
        foreach (var offered in keys)
        {
            var tracked = KeyOf(offered.Key);
            tracked.Offers |= CoordinatorNodes.BitOf(node);
            if (offered.Token >= tracked.Token && tracked.DueAt == long.MaxValue && tracked.Engagement is null or { Holder: TrackedKey.Nobody })
            {
                var isKnown = tracked.Token == offered.Token;
                tracked.Token = offered.Token;
                if (!isKnown || tracked.ActiveUntil == long.MinValue)
                    Schedule(tracked, offered.DueIn, offered.ActiveFor, offered.Jitter);
            }

            tracked.ActiveUntil = Math.Max(tracked.ActiveUntil, _now + offered.ActiveFor.Ticks);
            Settle(tracked);
        }
    }

    private void OnDeclined(int node, RegenerationDeclined declined)
    {
        if (!_keys.TryGetValue(declined.Key, out var tracked))
            return;
        if (declined.IsOver)
        {
            tracked.DueAt = long.MaxValue;
            tracked.Offers &= ~CoordinatorNodes.BitOf(node);
            if (tracked.Engagement is { } over)
                EndAsking(over);
        }
        else if (declined.DueIn is { } dueIn)
        {
            tracked.DueAt = _now + Math.Max(0, dueIn.Ticks) + Random(TimeSpan.TicksPerMillisecond * 20);
            if (tracked.Engagement is { } waiting)
                EndAsking(waiting);
        }
        else if (tracked.Engagement is { } engaged && engaged.Asked == node)
        {
            AskNext(tracked);
        }

        Settle(tracked);
    }

    private void OnLeaving(int node)
    {
        _nodes.Leave(node);
        Unoffer(node);
    }

    private void OnSurveyAnswered(int node, SurveyAnswered answered)
    {
        if (answered.Incarnation > _incarnation)
        {
            // The nodes heed another incarnation: one that is gone, and was begun where the clock is ahead. Should both live, they don't vie without pause.
            if (_now - _renumberedAt >= s_renumbering)
            {
                _incarnation = answered.Incarnation + 1;
                _renumberedAt = _now;
                Survey();
            }

            return;
        }

        foreach (var held in answered.Held)
            OnHeld(node, held);
        foreach (var awaited in answered.Awaited)
            OnAwaited(node, awaited);
        OnOffered(node, answered.Offered);
    }

    /// <summary>A node is believed dead. What it held goes to those who wait for it.</summary>
    private void OnNodeDown(string name)
    {
        if (Omits(Step.FindHeir))
            return;
        var node = _nodes.Lose(name);
        if (node == TrackedKey.Nobody)
            return;
        var engagements = _keys.Values.Where(k => k.Engagement is not null).ToArray();
        foreach (var tracked in engagements)
            tracked.Engagement!.Awaiting.RemoveAll(a => a.Node == node);
        Unoffer(node);
        foreach (var tracked in engagements)
        {
            if (tracked.Engagement is { } engaged && engaged.Holder == node)
            {
                EndHold(engaged);
                Orphaned(tracked, name);
            }

            Settle(tracked);
        }
    }

    /// <summary>A node regenerates no more: others are asked where it was, or would have been.</summary>
    private void Unoffer(int node)
    {
        var bit = CoordinatorNodes.BitOf(node);
        foreach (var tracked in _keys.Values.ToArray())
        {
            tracked.Offers &= ~bit;
            if (tracked.Owner == node)
                tracked.Owner = TrackedKey.Nobody;
            if (tracked.Engagement is { } engaged && engaged.Asked == node)
            {
                AskNext(tracked);
                Settle(tracked);
            }
        }
    }

    /// <summary>Nobody works on a claim that stands in the store: somebody who waits for it takes it over, or one who can regenerate the key.</summary>
    private void Orphaned(TrackedKey tracked, string holder)
    {
        var engaged = Engage(tracked);
        engaged.Orphan = holder;
        engaged.Tried = 0;
        AskNext(tracked);
    }

    private void Serve()
    {
        if (_surveyAt <= _now)
        {
            _surveyAt = long.MaxValue;
            Survey();
        }

        for (var i = 0; i < DeadlinesPerCall && _deadlines.TryTake(_now, out var tracked); i++)
        {
            ServeKey(tracked);
            Settle(tracked);
        }
    }

    private void ServeKey(TrackedKey tracked)
    {
        if (tracked.Engagement is { } engaged)
        {
            if (engaged.HoldEnds <= _now)
                EndHold(engaged);
            if (engaged.AwaitingUntil <= _now)
                engaged.Awaiting.Clear();

            if (engaged.RememberedUntil <= _now)
            {
                engaged.LastOutcome = null;
                engaged.RememberedUntil = long.MaxValue;
            }

            if (engaged.AskedUntil <= _now)
                AskNext(tracked);
        }

        if (tracked.DueAt <= _now)
        {
            tracked.DueAt = long.MaxValue;
            ServeDue(tracked);
        }
    }

    /// <summary>A key is due: one node is asked.</summary>
    private void ServeDue(TrackedKey tracked)
    {
        if (Omits(Step.AskForDue))
            return;

        // Its holder brings the next time; and whom nobody reads any more the store would not grant.
        if (tracked.Engagement is { Holder: not TrackedKey.Nobody } || tracked.ActiveUntil < _now)
            return;
        var engaged = Engage(tracked);
        engaged.Orphan = null;
        engaged.Tried = 0;
        AskNext(tracked);
    }

    /// <summary>Asks the next node that may act, or gives up: the nodes' own timers and the end of the lease are left.</summary>
    private void AskNext(TrackedKey tracked)
    {
        var engaged = tracked.Engagement!;
        EndAsking(engaged, keepTried: true);
        if (engaged.Orphan is { } orphan && engaged.Awaiting.FindIndex(a => (engaged.Tried & CoordinatorNodes.BitOf(a.Node)) == 0) is >= 0 and var first)
        {
            var (node, token) = engaged.Awaiting[first];
            Ask(engaged, node);
            engaged.AskedToken = token;
            _out.Send(_nodes[node], new ClaimOrphaned
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Token = token,
                Holder = orphan,
            });
        }
        else if (engaged.Awaiting.Count == 0 && tracked.ActiveUntil >= _now && Choose(tracked, engaged.Tried) is >= 0 and var chosen)
        {
            Ask(engaged, chosen);
            _out.Send(_nodes[chosen], new RegenerationDue
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Orphan = engaged.Orphan,
            });
        }
        else
        {
            EndAsking(engaged);
        }
    }

    /// <summary>Who made the last value goes first; then those that offer to; then any, as some can regenerate what they never read.</summary>
    private int Choose(TrackedKey tracked, ulong tried)
    {
        if (tracked.Owner != TrackedKey.Nobody && (CoordinatorNodes.BitOf(tracked.Owner) & _nodes.Available & ~tried) != 0)
            return tracked.Owner;
        var offering = tracked.Offers & _nodes.Available & ~tried;
        if (offering == 0)
            offering = _nodes.Available & ~tried;
        if (offering == 0)
            return TrackedKey.Nobody;
        for (var skip = _random.Next(BitOperations.PopCount(offering)); skip > 0; skip--)
            offering &= offering - 1;
        return BitOperations.TrailingZeroCount(offering);
    }

    private static void EndHold(Engagement engaged)
    {
        engaged.Holder = TrackedKey.Nobody;
        engaged.HoldToken = 0;
        engaged.HoldEnds = long.MaxValue;
    }

    private void Ask(Engagement engaged, int node)
    {
        // One that no bit stands for is asked once, and then others are: it can't be marked as tried.
        engaged.Tried |= CoordinatorNodes.BitOf(node);
        engaged.Asked = node;
        engaged.AskedUntil = _now + s_patience;
        if (node >= CoordinatorNodes.MaximumOffering)
            engaged.Awaiting.RemoveAll(a => a.Node == node);
    }

    private static void EndAsking(Engagement engaged, bool keepTried = false)
    {
        engaged.Asked = TrackedKey.Nobody;
        engaged.AskedUntil = long.MaxValue;
        if (keepTried)
            return;
        engaged.Tried = 0;
        engaged.Orphan = null;
    }

    private void Schedule(TrackedKey tracked, TimeSpan? dueIn, TimeSpan activeFor, TimeSpan jitter)
    {
        tracked.ActiveUntil = _now + activeFor.Ticks;
        tracked.DueAt = dueIn is { } due && activeFor > TimeSpan.Zero ? _now + Math.Max(0, due.Ticks) + Random(jitter.Ticks) : long.MaxValue;
    }

    private TrackedKey KeyOf(string key)
    {
        ref var tracked = ref CollectionsMarshal.GetValueRefOrAddDefault(_keys, key, out _);
        return tracked ??= new TrackedKey(key);
    }

    private static Engagement Engage(TrackedKey tracked) => tracked.Engagement ??= new Engagement();

    /// <summary>Ends a step on a key: its deadline is queued, or nothing is left of it and it goes.</summary>
    private void Settle(TrackedKey tracked)
    {
        if (tracked.Engagement is { IsOver: true })
            tracked.Engagement = null;
        Debug.Assert(tracked.Engagement is null || tracked.Engagement.NextDeadline < long.MaxValue, "what goes on ends");
        if (tracked.IsIdle || (_keys.Count > _settings.MaximumKeys && tracked.Engagement is null))
        {
            _keys.Remove(tracked.Key);
            _deadlines.Remove(tracked);
            return;
        }

        _deadlines.Put(tracked);
    }

    private long Random(long below) => below <= 0 ? 0 : _random.NextInt64(below);
}
