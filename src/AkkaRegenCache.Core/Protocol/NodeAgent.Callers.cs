using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Callers: how they join a flight, leave it, and ask again.</content>
internal partial class NodeAgent
{
    /// <summary>Callers whom no flight has: those of changes, and those who look into the store beside a flight.</summary>
    private readonly Dictionary<Waiter, AsideEnds?> _aside = [];

    private void OnAsked(Waiter waiter)
    {
        // Gone before it came here: it wants nothing any more.
        if (waiter.HasLeft)
            return;
        SetDeadline(waiter);
        var state = StateOf(waiter.Key);
        if (waiter.Source is { } source)
            Learn(state, source);
        if (state.Source is { } known)
            state.ActiveUntil = Math.Max(state.ActiveUntil, _now + known.Profile.Retention);

        var shown = !state.InMemory && LastApplied(state) is { Payload: { } pending } change && ShowPending(change, pending) ? pending : null;
        if (state.InMemory && !waiter.IsOfNoUse(state.Token) && shown is null)
            Answer(waiter, AnswerKind.InMemory);
        else if (shown is not null && waiter.Kind != WaiterKind.Refresh)
            AnswerValue(waiter, shown, state.Token);
        else if (waiter.Deadline <= _now)
            Answer(waiter, AnswerKind.TimedOut);
        else if (waiter.Kind == WaiterKind.Refresh)
            AskRefresh(state, waiter);
        else if (waiter.Kind == WaiterKind.Peek)
            AskPeek(state, waiter);
        else if (state.Flight is { Why: not ClaimReason.Miss })
            Peek(state, waiter);
        else
            JoinOrStart(state, waiter);

        Settle(state);
    }

    /// <summary>A caller's time runs from its first call on, also where it must ask again.</summary>
    private void SetDeadline(Waiter waiter)
    {
        var timeout = waiter.Profile.HardTimeout;
        if (waiter.Deadline == 0)
            waiter.Deadline = timeout == long.MaxValue ? long.MaxValue : _now + timeout;
    }

    private void AskRefresh(KeyState state, Waiter waiter)
    {
        // A removal meanwhile makes the node forget its generator, but not what this caller asked for.
        waiter.Source ??= state.Source;
        if (waiter.Source is null)
        {
            Answer(waiter, AnswerKind.NoGenerator);
        }
        else if (state.Flight is { } flight)
        {
            AddLater(flight, waiter);
        }
        else
        {
            Join(Start(state, ClaimReason.Refresh, waiter.Unreadable), waiter);
        }
    }

    private void AskPeek(KeyState state, Waiter waiter)
    {
        if (state.Flight is { Phase: FlightPhase.Reading } flight)
            Join(flight, waiter);
        else
            Peek(state, waiter);
    }

    /// <summary>Looks into the store beside the key's flight, which may take a while: for a caller, or for those of a sealed flight.</summary>
    private void Peek(KeyState state, Waiter? waiter)
    {
        if (waiter is not null)
            _aside.Add(waiter, WatchAside(waiter));
        Issue(new StoreCall { Request = new ReadRequest { Key = state.Key }, State = state, Peeker = waiter });
    }

    /// <summary>A caller aside has a patience, too. Changes have their own deadlines.</summary>
    private AsideEnds? WatchAside(Waiter waiter)
    {
        if (waiter.Deadline == long.MaxValue)
            return null;
        var ends = new AsideEnds(waiter);
        Queue(ends);
        return ends;
    }

    /// <summary>Takes a caller in again. False: it was answered, or has left.</summary>
    private bool LeaveAside(Waiter waiter)
    {
        if (!_aside.Remove(waiter, out var ends))
            return false;
        if (ends is not null)
            _deadlines.Remove(ends);
        return true;
    }

    private void ServeAside(Waiter waiter)
    {
        if (_aside.Remove(waiter))
            Answer(waiter, AnswerKind.TimedOut);
    }

    private void OnPeeked(StoreCall call, ReadAnswer? answer)
    {
        var peeker = call.Peeker;
        if (peeker is not null && !LeaveAside(peeker))
            return;
        var record = answer?.Record;
        if (answer is not null && IsOvertaken(call, record?.Token ?? 0))
        {
            Peek(call.State!, peeker);
        }
        else if (record is { IsRemoved: false })
        {
            var (token, dueAt) = (call.State!.Token, call.State.DueAt);
            Take(call, record);

            // Nothing new: then it is asked again when it was to be, and not at once because the store says that the key is due.
            if (peeker is null && call.State.Token == token && dueAt != long.MaxValue)
                call.State.DueAt = dueAt;
            AnswerValue(peeker, record.Payload!, record.Token);
        }
        else if (peeker is null)
        {
            // What was shown meanwhile may be older than a removal.
            if (record is not null && record.Token > call.State!.Token)
                HearRemoved(call.State, record.Token);
        }
        else if (peeker is { Kind: WaiterKind.Get, HasLeft: false })
        {
            JoinOrStart(call.State!, peeker);
        }
        else if (peeker is { Kind: WaiterKind.Peek })
        {
            Answer(peeker, AnswerKind.Missing);
        }
    }

    private void JoinOrStart(KeyState state, Waiter waiter) => Join(state.Flight ?? Start(state, ClaimReason.Miss), waiter);

    /// <summary>Makes a caller one of a flight's waiters. Overridden only to plant a bug.</summary>
    protected virtual void Join(Flight flight, Waiter waiter)
    {
        flight.Add(waiter);
        if (waiter.IsNested)
            GoOnNested(flight);
        Queue(flight);
    }

    private void AddLater(Flight flight, Waiter waiter)
    {
        flight.AddLater(waiter);
        if (waiter.IsNested)
            GoOnNested(flight);
        Queue(flight);
    }

    private void OnLeft(Waiter waiter)
    {
        waiter.HasLeft = true;
        if (waiter.Flight is not { } flight)
        {
            LeaveAside(waiter);
            return;
        }

        flight.Remove(waiter);
        if (flight.IsUnwanted && !flight.IsAbandoning)
            Abandon(flight);
        Settle(flight.State);
    }

    /// <summary>
    /// The last caller here has left. Whether another node waits for this claim only the store knows, so it decides, in one step with the
    /// release. Reads and claims under way are let come to their end.
    /// </summary>
    private void Abandon(Flight flight)
    {
        if (flight.Phase == FlightPhase.Waiting)
        {
            TellAwaitEnded(flight);
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
            Issue(new StoreCall
            {
                Request = new ReleaseRequest
                {
                    Key = flight.State.Key,
                    Operation = NextOperation(),
                    Token = flight.Token,
                    OnlyIfUncontended = true,
                },
                State = flight.State,
                Flight = flight,
            });
        }
    }

    /// <summary>Gives everything back, so that the others need not wait for a lease to end.</summary>
    private void OnLeave()
    {
        foreach (var (waiter, ends) in _aside)
        {
            if (ends is not null)
                _deadlines.Remove(ends);
            Answer(waiter, AnswerKind.Left);
        }

        _aside.Clear();
        foreach (var queue in _queues.Values)
            _toFlush.Enqueue(queue[0]);

        // What waits has this one chance: perhaps the store is back, and nobody has noticed.
        if (_breaker.IsOpen && _queued > 0)
            Probe();
        ServeFlush();
        var flights = new HashSet<Flight>(_runs.Values);
        flights.UnionWith(_keys.Values.Where(s => s.Flight is not null).Select(s => s.Flight!));
        foreach (var flight in flights)
        {
            Answer(flight.TakeWaiters(), AnswerKind.Left);
            Answer(flight.TakePeekers(), AnswerKind.Left);
            Answer(flight.TakeLater(), AnswerKind.Left);
            if (flight.HeldIndex >= 0 && flight.Phase == FlightPhase.Running)
            {
                Release(flight, null);
                PublishEnd(NotificationKind.Released, flight);
            }

            Cancel(flight, hung: false);
            GivePlaceBack(flight);
            flight.KeepsGoing = false;
            flight.IsEnded = true;
        }
    }

    /// <summary>Asks the store anew, in the way the flight began.</summary>
    private void AskAgain(Flight flight)
    {
        flight.HeardNothing = false;
        if (flight.Waiters is null && flight.Peekers is null)
        {
            DueAgainIn(flight.State, s_retryDelay);
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
    private void AskAgainAll(Flight flight)
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
                Answer(waiter, AnswerKind.InMemory);
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

    /// <summary>The end of the patience of a caller whom no flight has.</summary>
    private sealed class AsideEnds(Waiter waiter) : Timed
    {
        public Waiter Waiter { get; } = waiter;

        public override long NextDeadline => Waiter.Deadline;
    }
}
