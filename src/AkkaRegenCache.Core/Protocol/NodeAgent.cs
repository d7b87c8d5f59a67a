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
/// The parts: this file takes messages and keeps the deadlines; <c>.Callers</c> has those who wait, <c>.Flights</c> what they share,
/// <c>.Claims</c> the questions to the store, <c>.Places</c> how many may generate at once, <c>.Runs</c> generators and commits, <c>.Changes</c> sets and removals, <c>.Recovery</c> what waits for a store that
/// is down, <c>.Schedule</c> due times,
/// memory and renewals, <c>.Coordination</c> what coordinators are told and ask for, <c>.Alone</c> how it goes on without a cluster, <c>.Hearing</c> and <c>.Telling</c> notifications, <c>.Checking</c> what may have been missed. Not thread-safe.
/// </para>
/// </remarks>
internal sealed class NodeAgent
{
    /// <summary>How many deadlines one call serves at most, so that a burst does not hold up everything else.</summary>
    private const int DeadlinesPerCall = 1024;

    private readonly Kernel _kernel;
    private readonly Parts _parts;

    public NodeAgent(AgentSettings settings, Random random, IAccessLog access)
    {
        _kernel = new Kernel(settings, random, access);
        _parts = _kernel.Parts = new Parts(_kernel);
    }

    /// <summary>Keys in memory, scheduled or with something in flight.</summary>
    public int KeyCount => _kernel.Keys.Count;

    /// <summary>Generators that run, cancelled ones not counted.</summary>
    public int RunCount => _parts.Flights.Runs.Count;

    /// <summary>Claims that are kept alive.</summary>
    public int HeldCount => _parts.HeldClaims.Held.Count;

    /// <summary>Whether the store counts as down. May be read from any thread.</summary>
    public bool IsStoreDown => _parts.StoreGate.Breaker.IsOpen;

    /// <summary>Sets and removals that wait for the store.</summary>
    public int PendingChanges => _parts.Writes.Queued;

    /// <summary>How many things stand in the queue of deadlines: what has ended must not.</summary>
    internal int DeadlineCount => _kernel.Deadlines.Count;

    /// <summary>Generators that run for callers, for the simulator's checks: counted, and not what the places say.</summary>
    internal int ForegroundRuns => _parts.Flights.Runs.Values.Count(flight => flight is { IsBackground: false, IsNested: false });

    /// <summary>When it wants to be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline =>
        Math.Min(Math.Min(Math.Min(_kernel.Deadlines.First, _parts.HeldClaims.RenewAt), Math.Min(_parts.Pulse.PulseAt, _parts.Checking.CheckAt)), _parts.StoreGate.Breaker.ProbeAt);

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
        _parts.Pulse.NoteLateness();
        switch (message)
        {
            case Waiter waiter:
                _parts.Flights.OnAsked(waiter);
                break;
            case StoreReplied reply:
                _parts.StoreGate.OnReplied(reply);
                break;
            case LateGrant late:
                _parts.Flights.OnLateGrant(late);
                break;
            case GeneratorFinished finished:
                _parts.Flights.OnFinished(finished);
                break;
            case CacheNotification notification:
                _parts.Hearing.OnHeard(notification);
                break;
            case ChangeRequested change:
                _parts.Writes.OnChange(change);
                break;
            case CallerLeft left:
                _parts.Flights.OnLeft(left.Caller);
                break;
            case Evicted evicted:
                _parts.Scheduling.OnEvicted(evicted);
                break;
            case GeneratorLearned learned:
                _parts.Scheduling.OnLearned(learned);
                break;
            case FromCoordinator coordinated:
                _parts.CoordinatorClient.OnCoordinated(coordinated);
                break;
            case NodeDown down:
                _parts.CoordinatorClient.OnNodeDown(down.Node);
                break;
            case LinkRestored:
                _parts.CoordinatorClient.TellCoordinatorsAnew();
                break;
            case LinkEnded:
                _parts.CoordinatorClient.GoOnAlone();
                break;
            case Drain:
                _kernel.IsDraining = true;
                _parts.Coordinators.TellLeaving();
                break;
            case Leave:
                _parts.Coordinators.TellLeaving();
                _kernel.IsDraining = false;
                _parts.Flights.OnLeave();
                break;
            case Tick:
                break;
            default:
                throw new ArgumentException($"The agent takes no {message.GetType().Name} from {from}.", nameof(message));
        }

        Serve();
        if (_kernel.IsDraining && _parts.Flights.Runs.Count == 0 && _parts.Flights.Committing == 0 && _parts.Flights.Claiming == 0)
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

        foreach (var flight in _parts.Flights.Runs.Values)
            yield return $"{flight.State.Key}: run {flight.RunId}";
        if (_parts.HeldClaims.Held.Count != 0)
            yield return $"{_parts.HeldClaims.Held.Count} claims held";
        if (_parts.Scheduling.Background != 0)
            yield return $"{_parts.Scheduling.Background} background places taken";
        if (_parts.Places.Taken != 0 || _parts.Places.Line.Count != 0)
            yield return $"{_parts.Places.Taken} places taken, {_parts.Places.Line.Count} in the line";
        if (_parts.Writes.Queues.Count != 0 || _parts.Writes.Queued != 0 || _parts.Writes.Flushing != 0 || _parts.Writes.ParkedCalls.Count != 0)
            yield return $"{_parts.Writes.Queued} changes in {_parts.Writes.Queues.Count} queues, {_parts.Writes.Flushing} on their way, {_parts.Writes.ParkedCalls.Count} keys' calls behind them";
    }

    private void Serve()
    {
        for (var i = 0; i < DeadlinesPerCall && _kernel.Deadlines.TryTake(_kernel.Now, out var timed); i++)
        {
            switch (timed)
            {
                case KeyState state:
                    _parts.Scheduling.ServeKey(state);
                    break;
                case Flight flight:
                    _parts.Flights.ServeFlight(flight);
                    break;
                case PendingChange change:
                    _parts.Writes.ServeChange(change);
                    break;
                case Flights.AsideEnds aside:
                    _parts.Flights.ServeAside(aside.Waiter);
                    break;
                case Writes.ParkedCall parked:
                    _parts.Writes.ServeParked(parked.Call);
                    break;
                case StoreGate.Retry retry:
                    _parts.StoreGate.Reissue(retry.Call);
                    break;
            }
        }

        _parts.StoreHealth.ServeProbe();
        _parts.Writes.ServeFlush();
        _parts.StoreGate.ServeNotSent();
        _parts.Scheduling.ServeReady();
        _parts.Flights.ServeLine();
        _parts.HeldClaims.ServeRenewals();
        _parts.Pulse.ServePulse();
        _parts.Checking.ServeCheck();
        _parts.StoreGate.ServeNotSent();
    }

    /// <summary>The store's life as this node knows it, for the simulator's checks.</summary>
    internal string LifeOf(int part) => _kernel.Lives[part];

    /// <summary>What memory should show of a key, for the simulator's checks.</summary>
    internal KeyState? Find(string key) => _kernel.Keys.GetValueOrDefault(key);
}
