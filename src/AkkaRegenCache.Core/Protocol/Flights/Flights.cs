using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed partial class Flights(Kernel kernel, StoreGate storeGate, ChangeQueues queues, Coordinators coordinators, Telling telling, Activity activity, Shown shown, Scheduling scheduling, Records records, Places places, HeldClaims heldClaims, DeadNodes deadNodes, OwnFailures ownFailures) : Component(kernel)
{
    /// <summary>Callers whom no flight has: those of changes, and those who look into the store beside a flight.</summary>
    public Dictionary<Waiter, AsideEnds?> Aside { get; } = [];

    public Dictionary<KeyState, List<Flight>> Detached { get; } = [];

    private void JoinOrStart(KeyState state, Waiter waiter) => Join(state.Flight ?? Start(state, ClaimReason.Miss), waiter);

    /// <summary>Makes a caller one of a flight's waiters.</summary>
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
    /// The last caller here has left. Whether another node waits for this claim only the store knows, so it decides, in one step with the
    /// release. Reads and claims under way are let come to their end.
    /// </summary>
    private void Abandon(Flight flight)
    {
        if (flight.Phase == FlightPhase.Waiting)
        {
            coordinators.TellAwaitEnded(flight);
            End(flight);
        }
        else if (flight.Phase == FlightPhase.Running && (flight.IsLocal || flight.IsSealed))
        {
            Cancel(flight, hung: false);
            End(flight);
        }
        else if (flight.Phase == FlightPhase.Running)
        {
            flight.IsAbandoning = true;
            storeGate.Issue(new StoreCall
            {
                Request = new ReleaseRequest
                {
                    Key = flight.State.Key,
                    Operation = Kernel.NextOperation(),
                    Token = flight.Token,
                    OnlyIfUncontended = true,
                },
                State = flight.State,
                Flight = flight,
            });
        }
    }

    /// <summary>The node leaves: callers aside of flights are told so.</summary>
    public void LeaveCallers()
    {
        foreach (var (waiter, ends) in Aside)
        {
            if (ends is not null)
                Kernel.Deadlines.Remove(ends);
            Kernel.Answer(waiter, AnswerKind.Left);
        }

        Aside.Clear();
    }

    /// <summary>Gives everything back, so that the others need not wait for a lease to end.</summary>
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
                telling.PublishEnd(NotificationKind.Released, flight);
            }

            Cancel(flight, hung: false);
            places.GivePlaceBack(flight);
            flight.KeepsGoing = false;
            flight.IsEnded = true;
        }
    }

    /// <summary>Asks the store anew, in the way the flight began.</summary>
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

    /// <summary>Ends a flight that brought nothing for those who still wait; they ask anew.</summary>
    public void AskAgainAll(Flight flight)
    {
        var waiters = flight.TakeWaiters();
        End(flight);
        AskTogether(flight.State, waiters, flight.Observed);
    }

    /// <summary>Lets callers who came together ask together: they share one new flight, or join the one there is.</summary>
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
                Join(begun = Start(state, refresh ? ClaimReason.Refresh : ClaimReason.Miss, refresh ? Math.Max(observed, waiter.Unreadable) : 0), waiter);
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

    /// <summary>A change has overtaken a running flight: no caller joins it any more.</summary>
    public void Seal(Flight flight)
    {
        if (Kernel.Omits(Step.Seal))
            return;
        flight.IsSealed = true;
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

    /// <summary>
    /// Memory shows something newer than what sealed flights make: their callers needn't wait any longer, and what nobody waits for
    /// needn't be made.
    /// </summary>
    public void OnShown(KeyState state)
    {
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Waiting or FlightPhase.Running, Waiters: not null } joined)
        {
            // Found beside the flight: its callers have what they came for, and a regeneration goes on without them.
            Kernel.Answer(joined.TakeWaiters(), AnswerKind.InMemory);
            if (joined.Phase == FlightPhase.Waiting && joined.IsUnwanted)
                End(joined);
            else
                joined.KeepsGoing = true;
        }

        if (Detached.Count == 0 || !Detached.TryGetValue(state, out var flights))
            return;
        foreach (var flight in flights.ToArray())
        {
            // Without the store, or in another life of it, a refresh can't tell whether what is shown is newer than its call; and a set may have been done
            // before it.
            var isComparable = !flight.IsLocal && !state.Uncommitted && flight.Life == Kernel.Lives[state.Part];
            if (flight.Why == ClaimReason.Refresh && !(isComparable && state.Token >= flight.Token))
                continue;
            Kernel.Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            if (flight.Phase != FlightPhase.Running)
                continue;
            Cancel(flight, hung: false);
            End(flight);
        }
    }

    /// <summary>A change of this node is shown: what the store says can't be, so nobody need wait for that.</summary>
    public void OnChangeShown(KeyState state, CachePayload payload)
    {
        if (state.Flight is not { Why: not ClaimReason.Refresh, Phase: FlightPhase.Reading or FlightPhase.Claiming } asking)
            return;
        Kernel.AnswerValue(asking.TakePeekers(), payload, state.Token);
        Kernel.AnswerValue(asking.TakeWaiters(), payload, state.Token);
        asking.IsOwedARun = false;
    }

    /// <summary>A newer token is known: a flight that runs under an older one is overtaken.</summary>
    public void OnTokenHeard(KeyState state)
    {
        if (IsBehind(state))
            Seal(state.Flight!);
    }

    /// <summary>Whether a key has a flight that a change has overtaken.</summary>
    public bool HasOvertaken(KeyState state) => Detached.ContainsKey(state) || IsBehind(state);

    /// <summary>Whether a key has a flight under an older claim than this token, which a change has overtaken.</summary>
    public bool HasOvertakenBelow(KeyState state, long token) =>
        (IsBehind(state) && state.Flight is { IsLocal: false })
        || (Detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token));

    private static bool IsBehind(KeyState state) =>
        state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight && flight.Token < state.NewestHeard;

    /// <summary>Another part has begun a flight.</summary>
    public void Begin(Flight flight)
    {
        if (flight.IsEnded)
            return;
        if (flight.Why == ClaimReason.Miss)
            Read(flight);
        else
            Claim(flight);
    }

    /// <summary>Something newer is in the store: only a read, and readers see the old value until it is done.</summary>
    public void Fetch(KeyState state)
    {
        if (state.Flight is { } flight)
        {
            // One that reads brings it anyway; beside one that generates, a look into the store.
            if (flight.Why != ClaimReason.Miss)
                Peek(state, null);
            state.DueAt = Now + Delays.Repair;
            return;
        }

        state.Flight = new Flight(state, ClaimReason.Miss) { KeepsGoing = true };
        Read(state.Flight);
    }

    /// <summary>A claim is lost: what its run makes can't be stored, so making it is a waste. Those who wait ask again.</summary>
    public void OnClaimLost(Flight flight)
    {
        if (flight is not { IsEnded: false, IsSealed: false, Phase: FlightPhase.Running, HeldIndex: >= 0 })
            return;
        Cancel(flight, hung: false);
        scheduling.DueAgainIn(flight.State, Delays.Retry);
        AskAgainAll(flight);
    }

    /// <summary>
    /// A part of the store lives anew. What memory shows goes on being served as if uncommitted; a record or tombstone of the new life wins. What runs was begun in
    /// the life before.
    /// </summary>
    public void OnLifeBegan(int part)
    {
        foreach (var state in Kernel.IsStoreInShards ? Kernel.OfShard.Of(part) : Kernel.Keys.Values)
        {
            if (state.Part != part)
                continue;
            state.NewestHeard = 0;
            if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
                Seal(flight);
            else if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                waiting.WakeAt = Now;
            if (state.InMemory)
                state.Uncommitted = true;
            state.Token = 0;
            if (state.Flight is { } asking)
            {
                asking.Observed = asking.Awaited = 0;
                Kernel.Queue(asking);
            }

            Kernel.Settle(state);
        }
    }

    private Flight Start(KeyState state, ClaimReason why, long observed = 0)
    {
        var flight = new Flight(state, why) { Observed = observed };
        state.Flight = flight;
        if (why == ClaimReason.Miss)
            Read(flight);
        else
            Claim(flight);
        return flight;
    }

    public void ServeFlight(Flight flight)
    {
        if (flight.WaiterDeadline <= Now)
        {
            // The caller's patience has ended, not its interest: the work goes on and its result is stored. One that has left since has neither.
            var isOwedARun = flight.Waiters is not null;
            if (flight.TakeWhere(static (w, now) => w.Deadline <= now, Now) is { } late)
            {
                flight.KeepsGoing = true;
                flight.IsOwedARun |= isOwedARun;
                Kernel.Answer(late, AnswerKind.TimedOut);
            }
        }

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
            FinishFailed(flight, GenerationFailure.From(new TimeoutException($"The generator of '{flight.State.Key}' ran past its deadline.")), AnswerKind.DeadlinePassed);
        }

        if (!flight.IsEnded)
            Kernel.Queue(flight);
        Kernel.Settle(flight.State);
    }

    /// <summary>Ends a flight.</summary>
    /// <param name="flight">The flight.</param>
    /// <param name="again">After how long the store is asked again for what is known to be newer than what is shown.</param>
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

        // Whether the key goes is settled at the end of the step: what ended this flight may begin the next.
        Kernel.Queue(state);
    }

    /// <summary>Something was stored or removed: whoever waits for a generation of the key has waited long enough.</summary>
    public void WakeWaiting(KeyState state, long token, CachePayload? payload)
    {
        if (state.Flight is not { Phase: FlightPhase.Waiting } flight || token < flight.Awaited)
            return;
        var isNewEnough = flight.Why != ClaimReason.Refresh || (flight.Observed != 0 && token > flight.Observed);
        if (payload is null || !isNewEnough || flight.Awaited == 0 || !shown.MayShow(state))
        {
            AskAgain(flight);
            return;
        }

        Kernel.AnswerValue(flight.TakeWaiters(), payload, token);
        End(flight);
    }
}
