using System.Runtime.InteropServices;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>The life of a flight: read, claim, wait or run, commit.</content>
internal partial class NodeAgent
{
    private const int ClaimAttempts = 2;

    /// <summary>How often a claim held by this very node is asked for again before it is taken for an orphan.</summary>
    private const int OwnClaimPatience = 3;

    private static readonly long s_retryDelay = TimeSpan.FromMilliseconds(50).Ticks;

    /// <summary>How soon something that failed for want of the store is tried again.</summary>
    private static readonly long s_repairDelay = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>Whether an answer was overtaken: something newer was heard since it was asked for. Overridden only to plant a bug.</summary>
    protected virtual bool IsOvertaken(StoreCall call, long token) =>
        call.State!.NewestHeard > call.HeardAtIssue && token < call.State.NewestHeard;

    /// <summary>A change has overtaken a running flight: no caller joins it any more. Overridden only to plant a bug.</summary>
    protected virtual void Seal(Flight flight)
    {
        flight.IsSealed = true;
        Unhold(flight);
        if (flight.State.Flight != flight)
            return;
        flight.State.Flight = null;
        flight.State.Pending++;
        flight.IsDetached = true;
        CollectionsMarshal.GetValueRefOrAddDefault(_detached, flight.State, out _) ??= [];
        _detached[flight.State].Add(flight);
        AskTogether(flight.State, flight.TakeLater(), observed: 0);
    }

    /// <summary>
    /// Memory shows something newer than what sealed flights make: their callers needn't wait any longer, and what nobody waits for
    /// needn't be made.
    /// </summary>
    private void ServeShown(KeyState state)
    {
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Waiting or FlightPhase.Running, Waiters: not null } joined)
        {
            // Found beside the flight: its callers have what they came for, and a regeneration goes on without them.
            Answer(joined.TakeWaiters(), AnswerKind.InMemory);
            if (joined.Phase == FlightPhase.Waiting && joined.IsUnwanted)
                End(joined);
            else
                joined.KeepsGoing = true;
        }

        if (_detached.Count == 0 || !_detached.TryGetValue(state, out var flights))
            return;
        foreach (var flight in flights.ToArray())
        {
            // Made without the store, a refresh can't tell whether what is shown is newer than its call.
            if (flight is { Why: ClaimReason.Refresh, IsLocal: true })
                continue;
            Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            if (flight.Phase != FlightPhase.Running)
                continue;
            Cancel(flight, hung: false);
            End(flight);
        }
    }

    /// <summary>Makes a caller one of a flight's waiters. Overridden only to plant a bug.</summary>
    protected virtual void Join(Flight flight, Waiter waiter)
    {
        flight.Add(waiter);
        Queue(flight);
    }

    private void OnAsked(Waiter waiter)
    {
        var timeout = waiter.Profile.HardTimeout;
        waiter.Deadline = timeout == long.MaxValue ? long.MaxValue : _now + timeout;
        var state = StateOf(waiter.Key);
        if (waiter.Source is { } source)
            Learn(state, source);
        if (state.Source is { } known)
            state.ActiveUntil = Math.Max(state.ActiveUntil, _now + known.Profile.Retention);

        if (waiter.Kind == WaiterKind.Refresh)
            AskRefresh(state, waiter);
        else if (state.InMemory)
            Answer(waiter, AnswerKind.InMemory);
        else if (waiter.Kind == WaiterKind.Peek)
            AskPeek(state, waiter);
        else if (state.Flight is { Why: not ClaimReason.Miss })
            Peek(state, waiter);
        else
            JoinOrStart(state, waiter);

        Settle(state);
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
            flight.AddLater(waiter);
            Queue(flight);
        }
        else
        {
            Join(Start(state, ClaimReason.Refresh), waiter);
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
    private void Peek(KeyState state, Waiter? waiter) =>
        Issue(new StoreCall { Request = new ReadRequest { Key = state.Key }, State = state, Peeker = waiter });

    private void JoinOrStart(KeyState state, Waiter waiter) => Join(state.Flight ?? Start(state, ClaimReason.Miss), waiter);

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

    private void Read(Flight flight)
    {
        flight.Phase = FlightPhase.Reading;
        Issue(new StoreCall { Request = new ReadRequest { Key = flight.State.Key }, State = flight.State, Flight = flight });
    }

    private void Claim(Flight flight)
    {
        var state = flight.State;
        flight.Phase = FlightPhase.Claiming;
        flight.WakeAt = long.MaxValue;
        var observed = flight.Why switch
        {
            ClaimReason.Refresh => flight.Observed,
            _ when state.Uncommitted => state.Token + 1,
            _ => state.NewestHeard,
        };
        var request = new ClaimRequest
        {
            Key = state.Key,
            Operation = NextOperation(),
            Owner = _settings.NodeId,
            Lease = TimeSpan.FromTicks(_settings.Lease),
            Reason = flight.Why,
            ObservedToken = observed,
            AwaitedToken = flight.Awaited,
            ActiveFor = TimeSpan.FromTicks(state.ActiveUntil > _now ? state.ActiveUntil - _now : 0),
        };
        Issue(new StoreCall { Request = request, State = state, Flight = flight });
    }

    private void OnPeeked(StoreCall call, ReadAnswer? answer)
    {
        var peeker = call.Peeker;
        var record = answer?.Record;
        if (answer is not null && IsOvertaken(call, record?.Token ?? 0))
        {
            Peek(call.State!, peeker);
        }
        else if (record is { IsRemoved: false })
        {
            Take(call, record);
            AnswerValue(peeker, record.Payload!, record.Token);
        }
        else if (peeker is { Kind: WaiterKind.Get, HasLeft: false })
        {
            JoinOrStart(call.State!, peeker);
        }
        else
        {
            Answer(peeker, AnswerKind.Missing);
        }
    }

    private void OnRead(StoreCall call, ReadAnswer? answer)
    {
        var flight = call.Flight!;
        var state = flight.State;
        var record = answer?.Record;
        if (answer is null)
        {
            Answer(flight.TakePeekers(), AnswerKind.Missing);
            if (flight.Waiters is null)
                End(flight);
            else
                Claim(flight);
        }
        else if (IsOvertaken(call, record?.Token ?? 0))
        {
            Read(flight);
        }
        else if (record is { IsRemoved: false })
        {
            // Asked after all that was heard before, the store knows best, also where it is behind that.
            state.NewestHeard = Math.Max(record.Token, state.Token);
            Take(call, record);
            AnswerValue(flight.TakePeekers(), record.Payload!, record.Token);
            AnswerValue(flight.TakeWaiters(), record.Payload!, record.Token);
            End(flight);
        }
        else
        {
            NoteToken(state, record?.Token ?? 0);
            if (record is not null && flight.Waiters is null)
                Unschedule(state);
            if (state.IsOutdated)
                Forget(state);
            Answer(flight.TakePeekers(), AnswerKind.Missing);
            if (flight.Waiters is null)
                End(flight);
            else
                Claim(flight);
        }
    }

    private void OnClaimed(StoreCall call, ClaimRequest request, ClaimAnswer? answer)
    {
        var flight = call.Flight!;
        switch (answer?.Outcome)
        {
            case null:
                OnClaimFailed(call, flight);
                break;
            case ClaimOutcome.Granted:
                OnGranted(call, flight, answer.Token);
                break;
            case ClaimOutcome.Held:
                OnHeld(flight, answer);
                break;
            case ClaimOutcome.Fresh:
                OnFresh(call, flight, answer.Record);
                break;
            case ClaimOutcome.BackingOff when request.Reason == ClaimReason.Due:
                DueAgainIn(flight.State, answer.Remaining.Ticks);
                EndOrAskAsMiss(flight);
                break;
            case ClaimOutcome.BackingOff:
                AnswerFailure(flight.TakeWaiters(), answer.Failure);
                DueAgainIn(flight.State, s_repairDelay);
                End(flight);
                break;
        }
    }

    private void OnClaimFailed(StoreCall call, Flight flight)
    {
        var state = flight.State;
        if (call.Attempt + 1 < ClaimAttempts)
        {
            RetryLater(call, s_retryDelay << call.Attempt);
            return;
        }

        // The store can't be asked. Those who wait get a value made here; a regeneration waits for the store as long as the old value lasts.
        var endsSoon = state.Source is { } source && state.EndsAt - _now < source.Profile.Tolerance / 2;
        if (flight.Waiters is not null || (flight.KeepsGoing && endsSoon && state.Source is not null))
        {
            flight.IsLocal = true;
            flight.Token = Math.Max(state.NewestHeard, state.Token);
            Run(flight, 0);
        }
        else
        {
            DueAgainIn(state, s_repairDelay);
            End(flight);
        }
    }

    private void OnGranted(StoreCall call, Flight flight, long token)
    {
        var state = flight.State;
        if (state.NewestHeard > token)
        {
            // A change has ended this claim before its answer came.
            AskAgain(flight);
            return;
        }

        flight.Token = token;
        if (flight.IsUnwanted || (state.Source ?? flight.Waiters?.Source) is null)
        {
            Release(flight, null);
            End(flight);
            return;
        }

        flight.LeaseEnds = call.IssuedAt + _settings.Lease;
        Hold(flight);
        Run(flight, token);
    }

    private void OnHeld(Flight flight, ClaimAnswer answer)
    {
        if (answer.Owner == _settings.NodeId)
        {
            if (++flight.OwnClaims <= OwnClaimPatience)
            {
                // Most likely its release is still on the way.
                flight.Phase = FlightPhase.Waiting;
                flight.WakeAt = _now + s_retryDelay;
                Queue(flight);
                return;
            }

            // A claim of ours whose answer never came: nobody runs it, so it is given back and asked for again.
            flight.Phase = FlightPhase.Releasing;
            Issue(new StoreCall
            {
                Request = new ReleaseRequest { Key = flight.State.Key, Operation = NextOperation(), Token = answer.Token },
                State = flight.State,
                Flight = flight,
            });
            return;
        }

        if (flight.Waiters is null)
        {
            DueAgainIn(flight.State, answer.Remaining.Ticks);
            End(flight);
            return;
        }

        if (flight.Why == ClaimReason.Due)
            flight.Why = ClaimReason.Miss;
        flight.Awaited = answer.Token;
        if (flight.Why == ClaimReason.Refresh && flight.Observed == 0)
            flight.Observed = answer.Token;
        if (Math.Max(flight.EndHeard, flight.State.NewestHeard) >= answer.Token)
        {
            AskAgain(flight);
            return;
        }

        flight.Phase = FlightPhase.Waiting;
        flight.WakeAt = _now + answer.Remaining.Ticks + Random(s_retryDelay);
        Queue(flight);
    }

    private void OnFresh(StoreCall call, Flight flight, StoreRecord? record)
    {
        var state = flight.State;
        if (IsOvertaken(call, record?.Token ?? 0))
        {
            AskAgain(flight);
            return;
        }

        if (record is { IsRemoved: false })
        {
            Take(call, record);
            AnswerValue(flight.TakeWaiters(), record.Payload!, record.Token);
            if (record.DueIn is null || record.ActiveFor <= TimeSpan.Zero)
                Unschedule(state);
            End(flight);
            return;
        }

        // Only a Due claim gets here: the key was removed, or is inactive and gone.
        NoteToken(state, record?.Token ?? 0);
        Unschedule(state);
        if (state.IsOutdated)
            Forget(state);
        EndOrAskAsMiss(flight);
    }

    private void Run(Flight flight, long token)
    {
        var source = flight.State.Source ??= flight.Waiters!.Source!;
        flight.Phase = FlightPhase.Running;
        flight.Profile = source.Profile;
        flight.RunId = ++_lastRun;
        flight.RunEnds = _now + source.Profile.GenerationDeadline;
        _runs.Add(flight.RunId, flight);
        Queue(flight);
        _out.Send(Peer.Generators, new RunGenerator(flight.RunId, flight.State.Key, token, source));
    }

    private void OnFinished(GeneratorFinished finished)
    {
        if (!_runs.Remove(finished.RunId, out var flight))
            return;
        var state = flight.State;
        flight.RunEnds = long.MaxValue;
        if (finished.Outcome == RunOutcome.Failed)
        {
            FinishFailed(flight, finished.Failure!, AnswerKind.Failed);
        }
        else
        {
            state.Failures = 0;
            AnswerValue(flight.TakeWaiters(), finished.Payload!, flight.Token);
            if (flight.IsSealed)
                End(flight);
            else if (finished.Outcome == RunOutcome.Uncached)
                FinishUncached(flight, finished.Payload!);
            else if (flight.IsLocal)
                FinishLocal(flight, finished.Payload!);
            else if (finished.Outcome == RunOutcome.TooLarge)
                FinishTooLarge(flight, finished.Payload!);
            else
                Commit(flight, finished.Payload!);
        }

        Settle(state);
    }

    private void Commit(Flight flight, CachePayload payload)
    {
        var state = flight.State;
        flight.Phase = FlightPhase.Committing;
        flight.Payload = payload;
        Issue(new StoreCall
        {
            Request = new CommitRequest
            {
                Key = state.Key,
                Operation = NextOperation(),
                Token = flight.Token,
                Payload = payload,
                Schedule = flight.Profile!.ToSchedule(Math.Max(0, OwnActivity(state) - _now)),
            },
            State = state,
            Flight = flight,
        });
    }

    private void OnCommitted(StoreCall call, ChangeAnswer? answer)
    {
        var flight = call.Flight!;
        var state = flight.State;
        if (answer is null && !flight.IsSealed && _now < flight.LeaseEnds)
        {
            RetryLater(call, s_retryDelay * 2);
            return;
        }

        var payload = flight.Payload!;
        if (answer is null)
        {
            NoteUnsure();
            // Unknown whether it was stored, and nobody can be asked: the value stays here, and yields to anything newer.
            if (flight.IsSealed || state.NewestHeard > flight.Token)
            {
                AskAgainAll(flight);
                return;
            }

            if (state.InMemory && state.Token >= flight.Token)
            {
                // It was stored: somebody has read it back already.
                AskAgainAll(flight);
                return;
            }

            // Based on what came before its claim: should it be stored after all, the next claim finds it.
            AnswerValue(flight.TakeWaiters(), payload, flight.Token);
            TakeUncommitted(flight, payload, flight.Token - 1);
            End(flight);
        }
        else if (answer.Accepted)
        {
            NoteToken(state, answer.Token);
            PublishFresh(state.Key, payload, answer, call.IssuedAt + flight.Profile!.Life - _now);
            if (state.NewestHeard == answer.Token)
            {
                // What memory has let go for want of room doesn't come back without a reader.
                if (state.InMemory || flight.Why != ClaimReason.Due || flight.Waiters is not null)
                    Show(state, answer.Token, payload, call.IssuedAt + flight.Profile.Life);
                else
                    state.Token = answer.Token;
                DueIn(state, answer.DueIn, owner: true);
                VerifyAcrossGap(call);
                AnswerValue(flight.TakeWaiters(), payload, answer.Token);
                End(flight);
            }
            else
            {
                AskAgainAll(flight);
            }
        }
        else
        {
            NoteToken(state, answer.Token);
            DueAgainIn(state, s_repairDelay);
            AskAgainAll(flight);
        }
    }

    private void FinishFailed(Flight flight, GenerationFailure failure, AnswerKind kind)
    {
        var state = flight.State;
        if (flight.IsSealed && kind == AnswerKind.Failed)
        {
            // The change that overtook this run has made a newer value, or room for one: better than a late failure.
            AskAgainAll(flight);
            return;
        }

        var backoff = DueBackoff(state);
        if (!flight.IsSealed && !flight.IsLocal)
        {
            Release(flight, failure);
            PublishEnd(NotificationKind.Failed, flight, failure: failure);
        }

        AnswerFailure(flight.TakeWaiters(), failure, kind);
        if (!flight.IsSealed)
            DueAgainIn(state, backoff);
        End(flight);
    }

    private void FinishUncached(Flight flight, CachePayload payload)
    {
        if (!flight.IsLocal)
        {
            Release(flight, null, flight.Profile!.Interval);
            PublishEnd(NotificationKind.Uncached, flight, payload);
        }

        DueAgainIn(flight.State, flight.Profile!.Interval);
        End(flight);
    }

    private void FinishLocal(Flight flight, CachePayload payload)
    {
        if (flight.State.NewestHeard <= flight.Token)
            TakeUncommitted(flight, payload, flight.Token);
        End(flight);
    }

    private void FinishTooLarge(Flight flight, CachePayload payload)
    {
        var state = flight.State;
        Release(flight, null);
        PublishEnd(NotificationKind.Released, flight);
        TakeUncommitted(flight, payload, flight.Token - 1);
        state.DueAt = _now + flight.Profile!.Interval;
        End(flight);
    }

    private void Release(Flight flight, GenerationFailure? failure, long dueBackoff = 0)
    {
        Unhold(flight);
        var state = flight.State;
        if (failure is not null)
        {
            dueBackoff = DueBackoff(state);
            state.Failures = (byte)Math.Min(state.Failures + 1, 30);
        }

        Issue(new StoreCall
        {
            Request = new ReleaseRequest
            {
                Key = state.Key,
                Operation = NextOperation(),
                Token = flight.Token,
                Failure = failure,
                Backoff = TimeSpan.FromTicks(state.Source?.Profile.FailureBackoff ?? 0),
                DueBackoff = TimeSpan.FromTicks(flight.Why == ClaimReason.Due ? dueBackoff : 0),
            },
            State = state,
        });
    }

    private void OnReleased(StoreCall call, ReleaseAnswer? answer)
    {
        var flight = call.Flight;
        if (answer is null && call.Attempt + 1 < ClaimAttempts && (flight is null || !flight.IsEnded))
        {
            RetryLater(call, s_retryDelay << call.Attempt);
        }
        else if (flight is { IsEnded: false, Phase: FlightPhase.Releasing })
        {
            if (flight.IsUnwanted)
                End(flight);
            else if (answer is null)
                OnClaimFailed(new StoreCall { State = flight.State, Attempt = ClaimAttempts }, flight);
            else
                Claim(flight);
        }
        else if (flight is { IsEnded: false, IsAbandoning: true })
        {
            flight.IsAbandoning = false;
            if (answer is { Released: true } && flight.Phase == FlightPhase.Running)
            {
                PublishEnd(NotificationKind.Released, flight);
                Cancel(flight, hung: false);
                AskAgainAll(flight);
            }
            else
            {
                flight.KeepsGoing = true;
            }
        }
    }

    private void Cancel(Flight flight, bool hung)
    {
        Unhold(flight);
        flight.RunEnds = long.MaxValue;
        if (_runs.Remove(flight.RunId))
            _out.Send(Peer.Generators, new CancelGenerator(flight.RunId, hung));
    }

    private void OnLeft(Waiter waiter)
    {
        waiter.HasLeft = true;
        if (waiter.Flight is not { } flight)
            return;
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
            flight.KeepsGoing = false;
            flight.IsEnded = true;
        }
    }

    private void ServeFlight(Flight flight)
    {
        if (flight.WaiterDeadline <= _now)
        {
            // The caller's patience has ended, not its interest: the work goes on and its result is stored.
            flight.KeepsGoing = true;
            Answer(flight.TakeWhere(static (w, now) => w.Deadline <= now, _now), AnswerKind.TimedOut);
        }

        if (flight.Phase == FlightPhase.Waiting && flight.WakeAt <= _now)
        {
            if (flight.IsUnwanted)
                End(flight);
            else
                Claim(flight);
        }
        else if (flight.Phase == FlightPhase.Running && flight.RunEnds <= _now)
        {
            Cancel(flight, hung: true);
            FinishFailed(flight, GenerationFailure.From(new TimeoutException($"The generator of '{flight.State.Key}' ran past its deadline.")), AnswerKind.DeadlinePassed);
        }

        if (!flight.IsEnded)
            Queue(flight);
        Settle(flight.State);
    }

    /// <summary>Asks the store anew, in the way the flight began.</summary>
    private void AskAgain(Flight flight)
    {
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
            if (waiter.Kind != WaiterKind.Refresh && state.InMemory)
            {
                waiter.Next = null;
                Answer(waiter, AnswerKind.InMemory);
            }
            else if (state.Flight is null)
            {
                var refresh = waiter.Kind == WaiterKind.Refresh;
                Join(begun = Start(state, refresh ? ClaimReason.Refresh : ClaimReason.Miss, refresh ? observed : 0), waiter);
            }
            else if (waiter.Kind == WaiterKind.Refresh && (state.Flight != begun || begun.Why != ClaimReason.Refresh))
            {
                state.Flight.AddLater(waiter);
                Queue(state.Flight);
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

    private void End(Flight flight)
    {
        var state = flight.State;
        flight.IsEnded = true;
        Unhold(flight);
        if (state.Flight == flight)
            state.Flight = null;
        Answer(flight.TakePeekers(), AnswerKind.Missing);
        if (flight.IsDetached)
        {
            state.Pending--;
            if (_detached[state] is { Count: > 1 } others)
                others.Remove(flight);
            else
                _detached.Remove(state);
        }

        if (flight.IsBackground)
            _background--;

        if (flight.TakeLater() is { } later)
            AskTogether(state, later, observed: 0);
        else if (state.IsOutdated && state.Flight is null)
        {
            DueAgainIn(state, 0);
        }

        // Whether the key goes is settled at the end of the step: what ended this flight may begin the next.
        Queue(state);
    }
}
