using System.Diagnostics;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

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
/// This class takes the messages and deadlines and gives each to its part. The parts, from below: <see cref="Kernel"/>, <see cref="StoreGate"/>,
/// <see cref="StoreHealth"/>, <see cref="Publishing"/> and <see cref="Coordinators"/>, <see cref="Shown"/>, <see cref="Scheduling"/>, <see cref="Records"/>,
/// <see cref="Flights"/>, <see cref="Writes"/>, <see cref="AntiEntropy"/>, <see cref="Receiving"/>, <see cref="CoordinatorClient"/>, <see cref="Housekeeping"/>. Not thread-safe.
/// </para>
/// </remarks>
internal sealed class NodeAgent
{
    /// <summary>How many deadlines one call serves at most, so that a burst does not hold up everything else.</summary>
    private const int DeadlinesPerCall = 1024;

    private readonly Kernel _kernel;
    private readonly ChangeQueues _queues = new();
    private readonly StoreGate _gate;
    private readonly StoreHealth _health;
    private readonly Coordinators _coordinators;
    private readonly Scheduling _scheduling;
    private readonly Places _places;
    private readonly HeldClaims _held;
    private readonly WaitProbes _waits;
    private readonly Flights _flights;
    private readonly Writes _writes;
    private readonly AntiEntropy _antiEntropy;
    private readonly Receiving _receiving;
    private readonly CoordinatorClient _client;
    private readonly Housekeeping _housekeeping;
    private readonly Action<KeyState> _keepDue;

    public NodeAgent(AgentSettings settings, Random random, IAccessLog access)
    {
        // Each is given the parts below it, and no other.
        _kernel = new Kernel(settings, random, access);
        _gate = new StoreGate(_kernel, _queues);
        _health = new StoreHealth(_kernel, _gate);
        var activity = new Activity(_kernel);
        _coordinators = new Coordinators(_kernel, activity);
        var publishing = new Publishing(_kernel, _coordinators);
        var shown = new Shown(_kernel, _queues, activity);
        _scheduling = new Scheduling(_kernel, _gate, _coordinators, activity, shown);
        var records = new Records(_kernel, shown, _scheduling);
        _places = new Places(_kernel);
        _held = new HeldClaims(_kernel, _gate);
        var dead = new DeadNodes(_kernel);
        _waits = new WaitProbes(_kernel, publishing);
        _flights = new Flights(
            _kernel, _gate, _queues, _coordinators, publishing, activity, shown, _scheduling, records, _places, _held, dead, new OwnFailures(_kernel), _waits);
        _writes = new Writes(_kernel, _gate, _queues, publishing, shown, _scheduling, records, _flights);
        _antiEntropy = new AntiEntropy(_kernel, _gate, shown, _scheduling, records);
        _receiving = new Receiving(_kernel, _gate, activity, shown, _scheduling, records, dead, _waits, _flights, _antiEntropy);
        _client = new CoordinatorClient(_kernel, _gate, _health, _coordinators, _scheduling, dead, _flights, _antiEntropy, _receiving);
        _housekeeping = new Housekeeping(_kernel, _gate, _health, _coordinators, activity, publishing, _antiEntropy, _receiving);
        _keepDue = _scheduling.KeepDue;
    }

    /// <summary>Keys in memory, scheduled or with something in flight.</summary>
    public int KeyCount => _kernel.Keys.Count;

    /// <summary>Generators that run, cancelled ones not counted.</summary>
    public int RunCount => _flights.Runs.Count;

    /// <summary>Claims that are kept alive.</summary>
    public int HeldCount => _held.Held.Count;

    /// <summary>Whether the store counts as down. May be read from any thread.</summary>
    public bool IsStoreDown => _gate.Breaker.IsOpen;

    /// <summary>Sets and removals that wait for the store.</summary>
    public int PendingChanges => _queues.Count;

    /// <summary>How many things stand in the queue of deadlines: what has ended must not.</summary>
    internal int DeadlineCount => _kernel.Deadlines.Count;

    /// <summary>Generators that run for callers, for the simulator's checks: counted, and not what the places say.</summary>
    internal int ForegroundRuns => _flights.Runs.Values.Count(flight => flight is { IsBackground: false, IsNested: false });

    /// <summary>When it wants to be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline =>
        Math.Min(Math.Min(Math.Min(_kernel.Deadlines.First, _held.RenewAt), Math.Min(_kernel.HousekeepingAt, _antiEntropy.CheckAt)), _gate.Breaker.ProbeAt);

    /// <summary>Takes a message, or <see cref="Tick"/>; serves the deadlines that have come.</summary>
    /// <param name="from">Whom it comes from.</param>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    /// <param name="outbox">Gets what is to be done.</param>
    public void On(Peer from, object message, long now, Outbox outbox)
    {
        Debug.Assert(now >= _kernel.Now, "time does not go back");
        _kernel.Now = now;
        _kernel.Out = outbox;
        _receiving.NoteLateness();
        switch (message)
        {
            case Waiter waiter:
                _flights.OnAsked(waiter);
                break;
            case StoreReplied reply:
                OnReplied(reply);
                break;
            case LateGrant late:
                _flights.OnLateGrant(late);
                break;
            case GeneratorFinished finished:
                _flights.OnFinished(finished);
                break;
            case CacheNotification notification:
                _receiving.OnHeard(notification);
                break;
            case ChangeRequested change:
                _writes.OnChange(change);
                break;
            case CallerLeft left:
                _flights.OnLeft(left.Caller);
                break;
            case Evicted evicted:
                _scheduling.OnEvicted(evicted);
                break;
            case GeneratorLearned learned:
                _scheduling.OnLearned(learned);
                break;
            case WaitProbed probed:
                _waits.OnWaitProbed(probed);
                break;
            case FromCoordinator coordinated:
                _client.OnCoordinated(coordinated);
                break;
            case NodeDown down:
                _client.OnNodeDown(down.Node);
                break;
            case LinkRestored:
                _client.TellCoordinatorsAnew();
                break;
            case LinkEnded:
                _client.GoOnAlone();
                break;
            case Drain:
                _kernel.IsDraining = true;
                _coordinators.TellLeaving();
                break;
            case Leave:
                _coordinators.TellLeaving();
                _kernel.IsDraining = false;
                OnLeave();
                break;
            case Tick:
                break;
            default:
                throw new ArgumentException($"The agent takes no {message.GetType().Name} from {from}.", nameof(message));
        }

        EndStep();
        Serve();
        if (_kernel.IsDraining && _flights.Runs.Count == 0 && _flights.Committing == 0 && _flights.Claiming == 0)
        {
            _kernel.IsDraining = false;
            _kernel.HasDrained = true;
            _kernel.Out.Send(Peer.Callers, Drained.Instance);
        }
    }

    /// <summary>The keys whose flights, claims or waiters are left over, for the simulator's final check.</summary>
    internal IEnumerable<string> Leftovers()
    {
        foreach (var state in _kernel.Keys.Values)
        {
            if (state.Flight is { } flight)
                yield return $"{state.Key}: flight {flight.Phase}, waiters {flight.Waiters is not null}";
            if (state.Pending != 0)
                yield return $"{state.Key}: {state.Pending} operations pending";
        }

        foreach (var flight in _flights.Runs.Values)
            yield return $"{flight.State.Key}: run {flight.RunId}";
        if (_held.Held.Count != 0)
            yield return $"{_held.Held.Count} claims held";
        if (_scheduling.Background != 0)
            yield return $"{_scheduling.Background} background places taken";
        if (_places.Taken != 0 || _places.Line.Count != 0)
            yield return $"{_places.Taken} places taken, {_places.Line.Count} in the line";
        if (_queues.KeyCount != 0 || _queues.Count != 0 || _writes.Flushing != 0 || _gate.DeferredKeys != 0)
            yield return $"{_queues.Count} changes in {_queues.KeyCount} queues, {_writes.Flushing} on their way, {_gate.DeferredKeys} keys' calls behind them";
    }

    private void OnReplied(StoreReplied reply)
    {
        // What it tells of the store comes first: the answer is of the epoch it tells.
        _gate.Note(reply);
        Act();
        switch (reply.Call)
        {
            case StorePeekCall peek:
                _flights.OnPeeked(peek, (ReadAnswer?)reply.Answer);
                break;
            case FlightReadCall read:
                _flights.OnRead(read, (ReadAnswer?)reply.Answer, reply.Fault);
                break;
            case ClaimCall claim:
                _flights.OnClaimed(claim, (ClaimAnswer?)reply.Answer, reply.Fault);
                break;
            case CommitCall commit:
                _flights.OnCommitted(commit, (ChangeAnswer?)reply.Answer);
                break;
            case ReleaseCall release:
                _flights.OnReleased(release, (ReleaseAnswer?)reply.Answer);
                break;
            case StoreChangeCall change:
                _writes.OnChanged(change, reply);
                break;
            case RenewCall renew:
                _held.OnRenewed(renew, (RenewAnswer?)reply.Answer);
                break;
            case ProbeCall probe:
                _antiEntropy.OnProbed(probe, (CheckAnswer?)reply.Answer);
                break;
            case CheckCall check:
                _antiEntropy.OnChecked(check, (CheckAnswer?)reply.Answer);
                break;
        }
    }

    private void OnLeave()
    {
        _flights.LeaveCallers();
        _writes.FlushAll();

        // What waits has this one chance: perhaps the store is back, and nobody has noticed.
        if (_gate.Breaker.IsOpen && _queues.Count > 0)
            _health.Probe();
        _writes.ServeFlush();
        Act();
        _flights.Leave();
    }

    private void Serve()
    {
        for (var i = 0; i < DeadlinesPerCall && _kernel.Deadlines.TryTake(_kernel.Now, out var timed); i++)
        {
            switch (timed)
            {
                case KeyState state:
                    _scheduling.ServeKey(state);
                    break;
                case Flight flight:
                    _flights.ServeFlight(flight);
                    break;
                case PendingChange change:
                    _writes.ServeChange(change);
                    break;
                case Flights.DetachedReaderEnds aside:
                    _flights.ServeAside(aside.Waiter);
                    break;
                case StoreGate.DeferredCall deferred:
                    _gate.ServeDeferred(deferred.Call);
                    break;
                case StoreGate.RepeatedCall repeated:
                    _gate.Reissue(repeated.Call);
                    break;
            }

            EndStep();
        }

        _health.ServeProbe();
        _writes.ServeFlush();
        ServeNotSent();
        _scheduling.ServeReady();
        EndStep();
        _flights.ServeLine();
        EndStep();
        _held.ServeRenewals();
        _housekeeping.ServePulse();
        _antiEntropy.ServeCheck();
        ServeNotSent();
    }

    /// <summary>Calls that were not sent have failed; those that a step makes of it, too.</summary>
    private void ServeNotSent()
    {
        EndStep();
        while (_gate.TryTakeNotSent(out var call))
        {
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
            EndStep();
        }
    }

    /// <summary>Acts on all that was stated, and leaves each key that was touched in order.</summary>
    private void EndStep()
    {
        Act();
        _kernel.SettleTouched(_keepDue);
    }

    /// <summary>The work list: first come, first served; what acting on a fact states comes after it.</summary>
    private void Act()
    {
        while (_kernel.TryTakeFact(out var fact))
        {
            switch (fact.Kind)
            {
                case FactKind.TokenHeard:
                    _flights.OnTokenHeard(fact.State!);
                    break;
                case FactKind.ValueShown:
                    _flights.OnShown(fact.State!);
                    break;
                case FactKind.ChangeShown:
                    _flights.OnChangeShown(fact.State!, fact.Payload!);
                    break;
                case FactKind.WaitOver:
                    _flights.WakeWaiting(fact.State!, fact.Token, fact.Payload);
                    break;
                case FactKind.FlightBegun:
                    _flights.Begin(fact.Flight!);
                    break;
                case FactKind.FetchWanted:
                    _flights.Fetch(fact.State!);
                    break;
                case FactKind.LookWanted:
                    _flights.Peek(fact.State!, null);
                    break;
                case FactKind.ClaimLost:
                    _flights.OnClaimLost(fact.Flight!);
                    break;
                case FactKind.StoreBack:
                    OnStoreBack();
                    break;
                case FactKind.EpochBegan:
                    OnEpochBegan(fact);
                    break;
            }
        }
    }

    private void OnStoreBack()
    {
        if (_kernel.Omits(Step.GoOnWhenBack))
            return;
        _held.OnStoreBack();
        _antiEntropy.OnStoreBack();
        _scheduling.OnStoreBack();
        _writes.FlushAll();
    }

    private void OnEpochBegan(Fact fact)
    {
        // Nodes that give the part back what they have may be later with theirs than this one is with its comparison.
        if (_kernel.IsStoreInShards)
            _antiEntropy.RecheckIn(2 * Delays.Repair);
        if (fact.IsFirst)
            return;
        if (_kernel.IsStoreInShards)
            _client.SendRecovery(fact.Partition);
        _writes.OnEpochBegan(fact.Partition);
        _flights.OnEpochBegan(fact.Partition);
        _antiEntropy.StartCheck();
    }

    /// <summary>The store's epoch as this node knows it, for the simulator's checks.</summary>
    internal string EpochOf(int part) => _kernel.Epochs[part];

    /// <summary>What memory should show of a key, for the simulator's checks.</summary>
    internal KeyState? Find(string key) => _kernel.Keys.GetValueOrDefault(key);
}
