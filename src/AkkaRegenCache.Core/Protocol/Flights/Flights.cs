using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Callers and their flights: single flight, claims, runs and answers.</summary>
/// <remarks>
/// A key has at most one <see cref="Flight"/> on a node, which its callers share. A missing value is read from the store; if there is none,
/// the flight <i>claims</i>. If the claim is granted, the generator runs here and its result is <i>committed</i> under the claim's token.
/// If another node holds the claim, the flight waits for that node's notification and asks again when the lease ends. A change
/// <i>supersedes</i> a running flight: callers that asked before get the flight's value, and no caller joins it. This file begins,
/// supersedes, wakes and ends flights; <c>.Callers</c> has the waiters, <c>.Claims</c> the calls to the store, <c>.Runs</c> generators and
/// commits.
/// </remarks>
internal sealed partial class Flights(
    Kernel kernel,
    StoreGate storeGate,
    ChangeQueues queues,
    Coordinators coordinators,
    Publishing publishing,
    Activity activity,
    Shown shown,
    Scheduling scheduling,
    Records records,
    Places places,
    HeldClaims heldClaims,
    DeadNodes deadNodes,
    OwnFailures ownFailures,
    WaitProbes waitProbes) : Component(kernel)
{
    /// <summary>Detached readers: callers of changes, and callers that read the store beside a flight.</summary>
    public Dictionary<Waiter, DetachedReaderEnds?> DetachedReaders { get; } = [];

    public Dictionary<KeyState, List<Flight>> Detached { get; } = [];

    private void JoinOrStart(KeyState state, Waiter waiter) => Join(state.Flight ?? Start(state, ClaimReason.Miss), waiter);

    private void Join(Flight flight, Waiter waiter)
    {
        if (Kernel.Omits(Step.Join, (flight, waiter)))
            return;
        flight.Add(waiter);
        if (waiter.IsNested)
            GoOnNested(flight);
        Kernel.Queue(flight);
    }

    private void AddLater(Flight flight, Waiter waiter)
    {
        flight.AddLater(waiter);
        if (waiter.IsNested)
            GoOnNested(flight);
        Kernel.Queue(flight);
    }

    /// <summary>
    /// The last caller on this node has left. Only the store knows whether another node waits for this claim, so it decides that in one
    /// step with the release. Reads and claims under way are left to finish.
    /// </summary>
    private void Abandon(Flight flight)
    {
        if (flight.Phase == FlightPhase.Waiting)
        {
            coordinators.TellAwaitEnded(flight);
            End(flight);
        }
        else if (flight.Phase == FlightPhase.Running && (flight.IsLocal || flight.IsSuperseded))
        {
            Cancel(flight, hung: false);
            End(flight);
        }
        else if (flight.Phase == FlightPhase.Running)
        {
            flight.IsAbandoning = true;
            var request = new ReleaseRequest
            {
                Key = flight.State.Key,
                Operation = Kernel.NextOperation(),
                Token = flight.Token,
                OnlyIfUncontended = true,
            };
            storeGate.Issue(new ReleaseCall(request) { State = flight.State, Flight = flight });
        }
    }

    /// <summary>The node leaves: detached readers are answered.</summary>
    public void LeaveCallers()
    {
        foreach (var (waiter, ends) in DetachedReaders)
        {
            if (ends is not null)
                Kernel.Deadlines.Remove(ends);
            Kernel.Answer(waiter, AnswerKind.Left);
        }

        DetachedReaders.Clear();
    }

    /// <summary>Releases all claims, so that other nodes need not wait for their leases to end.</summary>
    public void Leave()
    {
        var flights = new HashSet<Flight>(Runs.Values);
        flights.UnionWith(Kernel.Keys.Values.Where(s => s.Flight is not null).Select(s => s.Flight!));
        foreach (var flight in flights)
        {
            Kernel.Answer(flight.TakeWaiters(), AnswerKind.Left);
            Kernel.Answer(flight.TakePeekers(), AnswerKind.Left);
            Kernel.Answer(flight.TakeLater(), AnswerKind.Left);
            if (flight.HeldIndex >= 0 && flight.Phase == FlightPhase.Running)
            {
                Release(flight, null);
                publishing.PublishEnd(NotificationKind.Released, flight);
            }

            Cancel(flight, hung: false);
            places.GivePlaceBack(flight);
            flight.KeepsGoing = false;
            flight.IsEnded = true;
        }
    }

    /// <summary>Asks the store again: a read or a claim, as at the beginning.</summary>
    public void AskAgain(Flight flight)
    {
        flight.HeardNothing = false;
        if (flight.Waiters is null && flight.Peekers is null)
        {
            scheduling.DueAgainIn(flight.State, Delays.Retry);
            End(flight);
        }
        else if (flight.Why == ClaimReason.Refresh)
        {
            Claim(flight);
        }
        else
        {
            flight.Why = ClaimReason.Miss;
            Read(flight);
        }
    }

    /// <summary>Ends a flight without a result; its remaining callers ask again.</summary>
    public void AskAgainAll(Flight flight)
    {
        var waiters = flight.TakeWaiters();
        End(flight);
        AskTogether(flight.State, waiters, flight.Observed);
    }

    /// <summary>Callers that were waiting together ask again together: they share one new flight, or join the current one.</summary>
    private void AskTogether(KeyState state, Waiter? waiters, long observed)
    {
        Flight? begun = null;
        while (waiters is { } waiter)
        {
            waiters = waiter.Next;
            if (state.InMemory && !waiter.IsOfNoUse(state.Token))
            {
                waiter.Next = null;
                Kernel.Answer(waiter, AnswerKind.InMemory);
            }
            else if (state.Flight is null)
            {
                var refresh = waiter.Kind == WaiterKind.Refresh;
                Join(begun = Start(state, refresh ? ClaimReason.Refresh : ClaimReason.Miss,
                    refresh ? Math.Max(observed, waiter.Unreadable) : 0), waiter);
            }
            else if (waiter.Kind == WaiterKind.Refresh && (state.Flight != begun || begun.Why != ClaimReason.Refresh))
            {
                AddLater(state.Flight, waiter);
            }
            else
            {
                Join(state.Flight, waiter);
            }
        }
    }

    private void EndOrAskAsMiss(Flight flight)
    {
        if (flight.Waiters is null)
        {
            End(flight);
            return;
        }

        flight.Why = ClaimReason.Miss;
        Read(flight);
    }

    /// <summary>A change has superseded a running flight: no caller joins it any more.</summary>
    public void Supersede(Flight flight)
    {
        if (Kernel.Omits(Step.Supersede))
            return;
        flight.IsSuperseded = true;
        heldClaims.Unhold(flight);
        if (flight.State.Flight != flight)
            return;
        flight.State.Flight = null;
        flight.State.Pending++;
        flight.IsDetached = true;
        CollectionsMarshal.GetValueRefOrAddDefault(Detached, flight.State, out _) ??= [];
        Detached[flight.State].Add(flight);
        AskTogether(flight.State, flight.TakeLater(), observed: 0);
    }

    private Flight Start(KeyState state, ClaimReason why, long observed = 0)
    {
        var flight = new Flight(state, why) { Observed = observed };
        state.Flight = flight;
        if (why == ClaimReason.Miss && !MayClaimFirst(flight))
            Read(flight);
        else
            Claim(flight);
        return flight;
    }

    /// <summary>
    /// Whether a miss claims without a read before it. The answer to a claim brings a fresh record, so a cold key costs a claim and a
    /// commit. A node reads first if it has no generator, or no free place (a stored value must not wait for a place), or if it shows a
    /// value (only a read tells that the key was removed).
    /// </summary>
    private bool MayClaimFirst(Flight flight) =>
        flight.State is { Source: not null, InMemory: false } && !Kernel.IsDraining && !Kernel.HasDrained && places.HasRoom;

    public void ServeFlight(Flight flight)
    {
        if (flight.WaiterDeadline <= Now)
        {
            // The caller's timeout has passed, but the caller still wants the value made: the flight goes on and its result is stored. A
            // caller that left does not.
            var isOwedARun = flight.Waiters is not null;
            if (flight.TakeWhere(static (w, now) => w.Deadline <= now, Now) is { } late)
            {
                flight.KeepsGoing = true;
                flight.IsOwedARun |= isOwedARun;
                Kernel.Answer(late, AnswerKind.TimedOut);
            }
        }

        waitProbes.ServeWaitProbe(flight);
        if (flight.Phase == FlightPhase.Waiting && flight.WakeAt <= Now)
        {
            flight.Orphan = deadNodes.OrphanOf(flight);
            flight.HeardNothing = flight.Orphan is null;
            if (flight.IsUnwanted)
            {
                coordinators.TellAwaitEnded(flight);
                End(flight);
            }
            else
            {
                Claim(flight);
            }
        }
        else if (flight.Phase == FlightPhase.Running && flight.RunEnds <= Now)
        {
            Cancel(flight, hung: true);
            FinishFailed(flight, GenerationFailure.From(
                new TimeoutException($"The generator of '{flight.State.Key}' ran past its deadline.")), AnswerKind.DeadlinePassed);
        }

        if (!flight.IsEnded)
            Kernel.Queue(flight);
        Kernel.Settle(flight.State);
    }

    /// <summary>Ends a flight.</summary>
    /// <param name="flight">The flight.</param>
    /// <param name="again">The delay before the store is asked again, if a newer token than the shown one is known.</param>
    public void End(Flight flight, long again = 0)
    {
        var state = flight.State;
        flight.IsEnded = true;
        Kernel.Deadlines.Remove(flight);
        heldClaims.Unhold(flight);
        places.GivePlaceBack(flight);
        if (state.Flight == flight)
            state.Flight = null;
        Kernel.Answer(flight.TakePeekers(), AnswerKind.Missing);
        if (flight.IsDetached)
        {
            state.Pending--;
            if (Detached[state] is { Count: > 1 } others)
                others.Remove(flight);
            else
                Detached.Remove(state);
        }

        if (flight.IsBackground)
            scheduling.GiveBack();

        if (flight.TakeLater() is { } later)
            AskTogether(state, later, observed: 0);
        else if (state.IsOutdated && state.Flight is null)
        {
            scheduling.DueAgainIn(state, storeGate.IsUnreachable(state) ? Delays.Repair : again);
        }

        // The key is settled at the end of the step: whatever ended this flight may begin the next one.
        Kernel.Queue(state);
    }
}
