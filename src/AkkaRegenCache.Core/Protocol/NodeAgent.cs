using System.Diagnostics;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What a <see cref="NodeAgent"/> must be told once. Durations in ticks (100 ns).</summary>
internal sealed class AgentSettings
{
    /// <summary>This node's incarnation: never used before in the farm.</summary>
    public required string NodeId { get; init; }

    public required long Lease { get; init; }

    public required long Heartbeat { get; init; }

    /// <summary>The most entries that memory holds.</summary>
    public long MaximumEntries { get; init; } = long.MaxValue / 2;

    public required int MaximumBackground { get; init; }

    /// <summary>How many generators may run at once that callers wait for.</summary>
    public int MaximumForeground { get; init; } = int.MaxValue;

    /// <summary>How many keys may wait for their turn to be generated.</summary>
    public int MaximumQueued { get; init; } = int.MaxValue;

    public required int InlineBytes { get; init; }

    /// <summary>Whether the store tells the other nodes of commits by itself; may be found out late. Null: it never does.</summary>
    public Func<bool>? StoreAnnounces { get; init; }

    /// <summary>The longest a reader waits for the store; a try gets half of it.</summary>
    public required long ReadTimeout { get; init; }

    /// <summary>The longest a write takes, and whoever waits for it waits.</summary>
    public required long WriteTimeout { get; init; }

    public required int FailuresToBreak { get; init; }

    public required long BreakDuration { get; init; }

    public required int MaximumPendingChanges { get; init; }

    /// <inheritdoc cref="Storage.IExternalStore.Parts"/>
    public int Parts { get; init; } = 1;

    /// <summary>The part of a key; null: there is but one.</summary>
    public Func<string, int>? PartOf { get; init; }

    /// <summary>How many shards have a coordinator; 0: there are none.</summary>
    public int Shards { get; init; }

    /// <summary>The shard of a key.</summary>
    public Func<string, int>? ShardOf { get; init; }

    /// <summary>
    /// What generates a key of a registered keyspace, also one that nobody has read here; null: nothing is registered for it. The same instance each
    /// time; quick, and never throws.
    /// </summary>
    public Func<string, GeneratorSource?>? SourceFor { get; init; }
}

/// <summary>
/// Layer 0 of the protocol, one per node, as a deterministic machine: no I/O, no clock, no randomness of its own. Correct with nothing but
/// an external store; notifications make it fast.
/// </summary>
/// <remarks>
/// <para>
/// <b>How it works.</b> A key has at most one <see cref="Flight"/> on a node, which callers share. A missing value is read from the store;
/// where that has none, the flight <i>claims</i>: the store grants one claim per key, with a fencing token. Granted, the generator runs
/// here and its result is <i>committed</i> under the token; held by another node, the flight waits for that node's notification and asks
/// again when the claim's lease ends, so a lost notification or a dead holder costs time, never a caller.
/// </para>
/// <para>
/// <b>Why it is safe.</b> The store accepts a result only while the claim it was made under is live, and every change ends the claim. So
/// nothing that happens here can undo a change: an agent that is slow, paused or wrong about the time finds its commit refused. What the
/// agent itself must see to is that nobody is shown something older than what was already heard: it keeps the newest token heard of each key
/// (<see cref="KeyState.NewestHeard"/>), reads again where an answer is older, and <i>seals</i> a running flight that a change has
/// overtaken: those who asked before the change get its value, nobody else joins.
/// </para>
/// <para>
/// <b>Schedule.</b> The store's record says when a key is next due and how long it stays active. Every node that has a generator for the
/// key keeps that time, with jitter; the node that made the last value claims first, the others a grace later, and normally they hear of the
/// new value before. Whether a run is due, and whether the key is still active, the store decides by its own clock.
/// </para>
/// <para>
/// <b>Without the store</b> a flight generates here for its own callers; the value stays in this node's memory, marked uncommitted with the
/// token it was based on. It yields to anything newer, and makes the node claim when the store answers again. A set or removal is shown here and
/// waits for the store; until it has got there, the store isn't asked about its key. After some failures in a row the store counts as down:
/// nothing is sent but a probe.
/// </para>
/// <para>
/// The parts: this file takes messages and keeps the deadlines; <c>.Callers</c> has those who wait, <c>.Flights</c> what they share,
/// <c>.Claims</c> the questions to the store, <c>.Places</c> how many may generate at once, <c>.Runs</c> generators and commits, <c>.Changes</c> sets and removals, <c>.Recovery</c> what waits for a store that
/// is down, <c>.Schedule</c> due times,
/// memory and renewals, <c>.Coordination</c> what coordinators are told and ask for, <c>.Alone</c> how it goes on without a cluster, <c>.Hearing</c> and <c>.Telling</c> notifications, <c>.Checking</c> what may have been missed,
/// <c>.Deadlocks</c> generators that wait for each other. Not thread-safe.
/// </para>
/// </remarks>
internal partial class NodeAgent
{
    /// <summary>How many deadlines one call serves at most, so that a burst does not hold up everything else.</summary>
    private const int DeadlinesPerCall = 1024;

    /// <summary>An attempt after which there is no other.</summary>
    private const int GivenUp = 1_000_000;

    /// <summary>For how long an operation may be repeated: less than stores remember its first answer.</summary>
    private static readonly long s_repeatable = TimeSpan.FromSeconds(8).Ticks;

    private readonly AgentSettings _settings;
    private readonly Random _random;
    private readonly IAccessLog _access;
    private readonly Dictionary<string, KeyState> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<long, Flight> _runs = [];
    private readonly Dictionary<KeyState, List<Flight>> _detached = [];
    private readonly DeadlineQueue<Timed> _deadlines = new();
    private long _now;
    private Outbox _out = null!;
    private long _operations;
    private long _lastRun;
    private int _claiming;
    private int _committing;
    private bool _isDraining;
    private bool _hasDrained;

    public NodeAgent(AgentSettings settings, Random random, IAccessLog access)
    {
        _settings = settings;
        _random = random;
        _access = access;
        _incarnations = new long[settings.Shards];
        _lives = new string[settings.Parts];
        Array.Fill(_lives, "");
        _samples = new KeyState?[settings.Parts];
        _partsAskedAt = new long[settings.Parts];
        _ofShard = new ShardKeys(settings.Shards);
        _breaker = new CircuitBreaker(settings.FailuresToBreak, settings.BreakDuration);
    }

    /// <summary>Keys in memory, scheduled or with something in flight.</summary>
    public int KeyCount => _keys.Count;

    /// <summary>Generators that run, cancelled ones not counted.</summary>
    public int RunCount => _runs.Count;

    /// <summary>Claims that are kept alive.</summary>
    public int HeldCount => _held.Count;

    /// <summary>When it wants to be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline =>
        Math.Min(Math.Min(Math.Min(_deadlines.First, _renewAt), Math.Min(_pulseAt, _checkAt)), _breaker.ProbeAt);

    /// <summary>How many things stand in the queue of deadlines: what has ended must not.</summary>
    internal int DeadlineCount => _deadlines.Count;

    /// <summary>Takes a message, or <see cref="Tick"/>; serves the deadlines that have come.</summary>
    /// <param name="from">Whom it comes from.</param>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    /// <param name="outbox">Gets what is to be done.</param>
    public void On(Peer from, object message, long now, Outbox outbox)
    {
        Debug.Assert(now >= _now, "time does not go back");
        _now = now;
        _out = outbox;
        NoteLateness();
        switch (message)
        {
            case Waiter waiter:
                OnAsked(waiter);
                break;
            case StoreReplied reply:
                OnReplied(reply);
                break;
            case LateGrant late:
                OnLateGrant(late);
                break;
            case GeneratorFinished finished:
                OnFinished(finished);
                break;
            case CacheNotification notification:
                OnHeard(notification);
                break;
            case ChangeRequested change:
                OnChange(change);
                break;
            case CallerLeft left:
                OnLeft(left.Caller);
                break;
            case Evicted evicted:
                OnEvicted(evicted);
                break;
            case GeneratorLearned learned:
                OnLearned(learned);
                break;
            case WaitProbed probed:
                OnWaitProbed(probed);
                break;
            case FromCoordinator coordinated:
                OnCoordinated(coordinated);
                break;
            case NodeDown down:
                OnNodeDown(down.Node);
                break;
            case LinkRestored:
                TellCoordinatorsAnew();
                break;
            case LinkEnded:
                GoOnAlone();
                break;
            case Drain:
                _isDraining = true;
                TellLeaving();
                break;
            case Leave:
                TellLeaving();
                _isDraining = false;
                OnLeave();
                break;
            case Tick:
                break;
            default:
                throw new ArgumentException($"The agent takes no {message.GetType().Name} from {from}.", nameof(message));
        }

        Serve();
        if (_isDraining && _runs.Count == 0 && _committing == 0 && _claiming == 0)
        {
            _isDraining = false;
            _hasDrained = true;
            _out.Send(Peer.Callers, Drained.Instance);
        }
    }

    /// <summary>The keys whose flights, claims or waiters are left over, for the simulator's final check.</summary>
    internal IEnumerable<string> Leftovers()
    {
        foreach (var state in _keys.Values)
        {
            if (state.Flight is { } flight)
                yield return $"{state.Key}: flight {flight.Phase}, waiters {flight.Waiters is not null}";
            if (state.Pending != 0)
                yield return $"{state.Key}: {state.Pending} operations pending";
        }

        foreach (var flight in _runs.Values)
            yield return $"{flight.State.Key}: run {flight.RunId}";
        if (_held.Count != 0)
            yield return $"{_held.Count} claims held";
        if (_background != 0)
            yield return $"{_background} background places taken";
        if (_places != 0 || _line.Count != 0)
            yield return $"{_places} places taken, {_line.Count} in the line";
        if (_queues.Count != 0 || _queued != 0 || _flushing != 0 || _parkedCalls.Count != 0)
            yield return $"{_queued} changes in {_queues.Count} queues, {_flushing} on their way, {_parkedCalls.Count} keys' calls behind them";
    }

    /// <summary>The store's life as this node knows it, for the simulator's checks.</summary>
    internal string LifeOf(int part) => _lives[part];

    /// <summary>What memory should show of a key, for the simulator's checks.</summary>
    internal KeyState? Find(string key) => _keys.GetValueOrDefault(key);

    private void OnReplied(StoreReplied reply)
    {
        var call = reply.Call;
        call.IsAwaited = false;
        if (call.State is { } owned)
            owned.Pending--;
        if (reply.Answer is { } answer)
            NoteLife(call.Part, answer.Life);
        NoteHealth(reply);

        switch (call.Request)
        {
            case ReadRequest when call.Flight is null:
                OnPeeked(call, (ReadAnswer?)reply.Answer);
                break;
            case ReadRequest:
                OnRead(call, (ReadAnswer?)reply.Answer, reply.Fault);
                break;
            case ClaimRequest request:
                _claiming--;
                OnClaimed(call, request, (ClaimAnswer?)reply.Answer, reply.Fault);
                break;
            case CommitRequest:
                _committing--;
                OnCommitted(call, (ChangeAnswer?)reply.Answer);
                break;
            case ReleaseRequest:
                OnReleased(call, (ReleaseAnswer?)reply.Answer);
                break;
            case WriteRequest or InvalidateRequest:
                OnChanged(call, reply);
                break;
            case null when call.Claims is not null:
                OnRenewed(call, (RenewAnswer?)reply.Answer);
                break;
            case null when call.IsProbe || call.IsSignOfLife:
                OnProbed(call, (CheckAnswer?)reply.Answer);
                break;
            case null when call.Keys is not null:
                OnChecked(call, (CheckAnswer?)reply.Answer);
                break;
        }

        if (call.State is { } state)
            Settle(state);
    }

    private void Serve()
    {
        for (var i = 0; i < DeadlinesPerCall && _deadlines.TryTake(_now, out var timed); i++)
        {
            switch (timed)
            {
                case KeyState state:
                    ServeKey(state);
                    break;
                case Flight flight:
                    ServeFlight(flight);
                    break;
                case PendingChange change:
                    ServeChange(change);
                    break;
                case AsideEnds aside:
                    ServeAside(aside.Waiter);
                    break;
                case ParkedCall parked:
                    ServeParked(parked.Call);
                    break;
                case Retry retry:
                    Reissue(retry.Call);
                    break;
            }
        }

        ServeProbe();
        ServeFlush();
        ServeNotSent();
        ServeReady();
        ServeLine();
        ServeRenewals();
        ServePulse();
        ServeCheck();
        ServeNotSent();
    }

    /// <summary>Puts something into the queue of deadlines, where its next one is earlier than the place it has.</summary>
    private void Queue(Timed timed) => _deadlines.Put(timed);

    /// <summary>Ends a step on a key: its deadline is queued, or nothing is left of it and it goes.</summary>
    private void Settle(KeyState state)
    {
        if (state.IsGone)
            return;
        KeepDue(state);
        if (state.IsIdle)
        {
            state.IsGone = true;
            _deadlines.Remove(state);
            _keys.Remove(state.Key);
            _ofShard.Remove(state);
        }
        else
        {
            Queue(state);
        }
    }

    private KeyState StateOf(string key)
    {
        if (!_keys.TryGetValue(key, out var state))
        {
            _keys.Add(key, state = new KeyState(key, PartOf(key), _settings.ShardOf?.Invoke(key) ?? 0));
            _ofShard.Add(state);
            if (_samples[state.Part] is null or { IsGone: true })
                _samples[state.Part] = state;
            if (_pulseAt == long.MaxValue)
                _pulseAt = _now;
        }

        return state;
    }

    private int PartOf(string key) => _settings.PartOf?.Invoke(key) ?? 0;

    private OperationId NextOperation() => new(_settings.NodeId, ++_operations);

    /// <summary>Sends a call about one key to the store.</summary>
    private void Issue(StoreCall call)
    {
        call.State!.Pending++;
        call.IsAwaited = true;
        call.HeardAtIssue = call.State.NewestHeard;
        call.Part = call.State.Part;
        call.LifeAtIssue = _lives[call.Part];
        // A repeat may be answered with what was done at the first try, so times count from there.
        if (call.Attempt == 0)
        {
            call.IssuedAt = _now;
            call.GapsAtIssue = _gaps;
        }

        call.ActivityAt = _now;
        Send(call);
    }

    /// <summary>Repeats a failed mutation later, under the same operation id: if it was done after all, that is the answer.</summary>
    private void RetryLater(StoreCall call, long delay)
    {
        call.Attempt++;
        call.State!.Pending++;
        call.IsAwaited = true;
        Queue(new Retry(call, _now + delay));
    }

    private void Reissue(StoreCall call)
    {
        if (call.Request is not CommitRequest && _now - call.IssuedAt > s_repeatable)
        {
            // After a pause: the store may have forgotten the first try, and a repeat would be a second change. It has failed, then.
            call.Attempt = GivenUp;
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
            return;
        }

        call.State!.Pending--;
        call.Request = call.Request switch
        {
            ClaimRequest claim => claim with { ActiveFor = Left(claim.ActiveFor) },
            CommitRequest commit => commit with { Schedule = commit.Schedule with { ActiveFor = Left(commit.Schedule.ActiveFor), FreshFor = Left(commit.Schedule.FreshFor) } },
            var other => other,
        };
        Issue(call);

        // What was left of the key's activity, and of the value's life, at the last try is less by now.
        TimeSpan Left(TimeSpan then) => TimeSpan.FromTicks(Math.Max(0, then.Ticks - (_now - call.ActivityAt)));
    }

    private void Answer(Waiter? chain, AnswerKind kind)
    {
        if (chain is not null)
            _out.Send(Peer.Callers, new Answered(chain, kind));
    }

    private void AnswerValue(Waiter? chain, CachePayload payload, long token)
    {
        if (chain is not null)
            _out.Send(Peer.Callers, new Answered(chain, AnswerKind.Value) { Payload = payload, Token = token });
    }

    private void AnswerFailure(Waiter? chain, GenerationFailure? failure, AnswerKind kind = AnswerKind.Failed)
    {
        if (chain is not null)
            _out.Send(Peer.Callers, new Answered(chain, kind) { Failure = failure });
    }

    private long Random(long below) => below <= 0 ? 0 : _random.NextInt64(below);

    /// <summary>A call that is repeated at its time.</summary>
    private sealed class Retry(StoreCall call, long at) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = at;
    }
}
