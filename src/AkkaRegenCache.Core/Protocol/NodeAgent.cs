using System.Diagnostics;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// Layer 0 of the protocol, one for each node, as a deterministic machine without I/O, clock or randomness of its own. It is correct with
/// an external store alone; notifications make it fast.
/// </summary>
/// <remarks>
/// <para>
/// <b>How it works.</b> A key has at most one <see cref="Flight"/> on a node, which its callers share. A missing value is read from the
/// store. If there is none, the flight <i>claims</i>: the store grants one claim per key, with a fencing token. If it is granted, the
/// generator runs here and its result is <i>committed</i> under the token. If another node holds the claim, the flight waits for that
/// node's notification and asks again when the claim's lease ends. So a lost notification or a dead holder costs time, and no caller waits
/// forever.
/// </para>
/// <para>
/// <b>Why it is safe.</b> The store accepts a result only under a live claim, and every change ends the claim. So nothing that happens here
/// can undo a change: the commit of an agent that is slow, paused or wrong about the time is superseded. The agent itself must not show
/// anything older than a token that it has received. It keeps the newest token of each key (<see cref="KeyState.NewestHeard"/>) and reads
/// again if an answer is older. A change <i>supersedes</i> a running flight: callers that asked before it get the flight's value, and no
/// caller joins it.
/// </para>
/// <para>
/// <b>Schedule.</b> The store's record says when a key is next due and how long it stays active. Every node that has a generator for the
/// key keeps that time, with jitter. The node that made the last value claims first, and the others a grace period later; normally they
/// receive the new value before that. The store decides by its own clock whether a run is due and the key is still active.
/// </para>
/// <para>
/// <b>Without the store</b> a flight generates here for its own callers. The value stays in this node's memory, marked uncommitted, with
/// the token of its basis. It yields to anything newer, and the node claims again when the store answers. A set or removal is shown here
/// and is pending; until it has been delivered, the store is not asked about its key. After some failures in a row the circuit breaker
/// opens and only probes are sent.
/// </para>
/// <para>
/// This class passes each message and deadline to a component. The components, from below: <see cref="Kernel"/>, <see cref="StoreGate"/>,
/// <see cref="StoreHealth"/>, <see cref="Publishing"/>, <see cref="Coordinators"/>, <see cref="Shown"/>, <see cref="Scheduling"/>,
/// <see cref="Records"/>, <see cref="Flights"/>, <see cref="Writes"/>, <see cref="AntiEntropy"/>, <see cref="Receiving"/>,
/// <see cref="CoordinatorClient"/>, <see cref="Housekeeping"/>. Not thread-safe.
/// </para>
/// </remarks>
internal sealed partial class NodeAgent
{
    /// <summary>The most deadlines that one call serves, so that a burst does not delay everything else.</summary>
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
        // Each component gets only components below it.
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
            _kernel, _gate, _queues, _coordinators, publishing, activity, shown, _scheduling, records, _places, _held, dead,
            new OwnFailures(_kernel), _waits);
        _writes = new Writes(_kernel, _gate, _queues, publishing, shown, _scheduling, records, _flights);
        _antiEntropy = new AntiEntropy(_kernel, _gate, shown, _scheduling, records);
        _receiving = new Receiving(_kernel, _gate, activity, shown, _scheduling, records, dead, _waits, _flights, _antiEntropy);
        _client = new CoordinatorClient(_kernel, _gate, _health, _coordinators, _scheduling, dead, _flights, _antiEntropy, _receiving);
        _housekeeping = new Housekeeping(_kernel, _gate, _health, _coordinators, activity, publishing, _antiEntropy, _receiving);
        _keepDue = _scheduling.KeepDue;
    }

    /// <summary>The number of keys in memory, scheduled or with an operation in flight.</summary>
    public int KeyCount => _kernel.Keys.Count;

    /// <summary>The number of running generators, without cancelled ones.</summary>
    public int RunCount => _flights.Runs.Count;

    /// <summary>The number of claims that are being renewed.</summary>
    public int HeldCount => _held.Held.Count;

    /// <summary>Whether the circuit breaker is open. May be read from any thread.</summary>
    public bool IsStoreDown => _gate.Breaker.IsOpen;

    /// <summary>The number of pending sets and removals.</summary>
    public int PendingChanges => _queues.Count;

    /// <summary>The number of queued deadlines. Ended items must not be among them.</summary>
    internal int DeadlineCount => _kernel.Deadlines.Count;

    /// <summary>
    /// Generators that run for callers, for the simulator's checks. Counted from the runs, independently of <see cref="Places"/>.
    /// </summary>
    internal int ForegroundRuns => _flights.Runs.Values.Count(flight => flight is { IsBackground: false, IsNested: false });

    /// <summary>When it must be called next, at the latest; <see cref="long.MaxValue"/>: only with a message.</summary>
    public long NextDeadline =>
        Math.Min(Math.Min(Math.Min(_kernel.Deadlines.First, _held.RenewAt), Math.Min(_kernel.HousekeepingAt, _antiEntropy.CheckAt)),
            _gate.Breaker.ProbeAt);

    /// <summary>Handles a message and all deadlines that have passed.</summary>
    /// <param name="from">The sender.</param>
    /// <param name="message">The message.</param>
    /// <param name="now">Monotonic time in ticks.</param>
    /// <param name="outbox">Receives the messages to send.</param>
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
                _client.ReportToCoordinatorsAgain();
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

    private void OnReplied(StoreReplied reply)
    {
        // First the epoch that the answer names: the answer belongs to it.
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

        // The last chance for pending changes: the store may be back although no probe has noticed it.
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
                case Flights.DetachedReaderEnds reader:
                    _flights.ServeDetachedReader(reader.Waiter);
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
        _housekeeping.ServeHousekeeping();
        _antiEntropy.ServeCheck();
        ServeNotSent();
    }

    /// <summary>Fails the calls that were not sent, including those that this causes.</summary>
    private void ServeNotSent()
    {
        EndStep();
        while (_gate.TryTakeNotSent(out var call))
        {
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
            EndStep();
        }
    }

    /// <summary>Serves the work list and settles the touched keys.</summary>
    private void EndStep()
    {
        Act();
        _kernel.SettleTouched(_keepDue);
    }

    /// <summary>Serves the work list in order. Facts that are stated meanwhile come last.</summary>
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
        // Other nodes may send their recovery records later than this node compares.
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
    internal string EpochOf(int partition) => _kernel.Epochs[partition];

    /// <summary>What memory should show of a key, for the simulator's checks.</summary>
    internal KeyState? Find(string key) => _kernel.Keys.GetValueOrDefault(key);
}
