using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Asking the store: reads, claims, releases.</content>
internal partial class NodeAgent
{
    /// <summary>Whether an answer was overtaken: something newer was heard since it was asked for. Overridden only to plant a bug.</summary>
    protected virtual bool IsOvertaken(StoreCall call, long token)
    {
        var heardBefore = call.LifeAtIssue == _lives[call.Part] ? call.HeardAtIssue : 0;
        return (call.State!.NewestHeard > heardBefore && token < call.State.NewestHeard) || !MayShow(call.State);
    }

    private void Read(Flight flight)
    {
        flight.Phase = FlightPhase.Reading;
        BeginAsking(flight);
        Issue(new StoreCall { Request = new ReadRequest { Key = flight.State.Key }, State = flight.State, Flight = flight });
    }

    private void Claim(Flight flight)
    {
        if (flight.Awaited == 0 && !TakePlace(flight))
            return;
        var state = flight.State;
        flight.Phase = FlightPhase.Claiming;
        flight.WakeAt = long.MaxValue;
        BeginAsking(flight);
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
            StealFrom = flight.Orphan,
        };
        flight.Orphan = null;
        _claiming++;
        Issue(new StoreCall { Request = request, State = state, Flight = flight });
    }

    private void BeginAsking(Flight flight)
    {
        if (flight.AsksUntil == 0)
            flight.AsksUntil = _now + _settings.ReadTimeout;
    }

    /// <summary>Generates without the store, for those who wait on this node.</summary>
    private void RunLocally(Flight flight)
    {
        if (flight is { Why: not ClaimReason.Refresh, State.InMemory: true } && !EndsSoon(flight.State))
        {
            // A change came while the store was asked: what is made now must not cover it, and those who wait have what they came for.
            Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            DueAgainIn(flight.State, s_repairDelay);
            End(flight);
            return;
        }

        if (!TakePlace(flight))
            return;
        flight.IsLocal = true;
        flight.Token = Math.Max(flight.State.NewestHeard, flight.State.Token);
        Run(flight, 0);
    }

    private void OnRead(StoreCall call, ReadAnswer? answer, StoreFault fault)
    {
        var flight = call.Flight!;
        var state = flight.State;
        var record = answer?.Record;
        if (answer is null)
        {
            Answer(flight.TakePeekers(), AnswerKind.Missing);
            var mayWait = !flight.IsOwedARun && !(flight.KeepsGoing && state.Source is { Profile.IsScheduled: true } && EndsSoon(state));
            if (flight.Waiters is null && mayWait)
                End(flight, again: s_repairDelay / 4);
            else if (flight.Waiters is not null && fault is StoreFault.NotSent or StoreFault.Refused)
                RunLocally(flight);
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
            if (flight.Waiters is null && !flight.IsOwedARun)
                End(flight);
            else
                Claim(flight);
        }
    }

    private void OnClaimed(StoreCall call, ClaimRequest request, ClaimAnswer? answer, StoreFault fault)
    {
        var flight = call.Flight!;
        switch (answer?.Outcome)
        {
            case null:
                OnClaimFailed(call, flight, fault);
                break;
            case ClaimOutcome.Granted:
                OnGranted(call, flight, answer.Token);
                break;
            case ClaimOutcome.Held when call.Late is { } late && (late.Token, late.Life) == (answer.Token, answer.Life)
                && _now < call.IssuedAt + _settings.Lease:
                // By the first try itself, whose answer the store has forgotten and this node has got since.
                OnGranted(call, flight, answer.Token);
                break;
            case ClaimOutcome.Held:
                OnHeld(flight, answer);
                break;
            case ClaimOutcome.Fresh:
                OnFresh(call, flight, answer.Record);
                break;
            case ClaimOutcome.BackingOff when request.Reason == ClaimReason.Due:
                TellDeclined(flight.State, isOver: false, answer.Remaining);
                DueAgainIn(flight.State, answer.Remaining.Ticks);
                EndOrAskAsMiss(flight);
                break;
            case ClaimOutcome.BackingOff when IsOvertaken(call, answer.Token):
                AskAgain(flight);
                break;
            case ClaimOutcome.BackingOff:
                AnswerFailure(flight.TakeWaiters(), OwnOf(flight.State.Key, answer.Failure));
                DueAgainIn(flight.State, s_repairDelay);
                End(flight);
                break;
        }
    }

    private void OnClaimFailed(StoreCall call, Flight flight, StoreFault fault)
    {
        var state = flight.State;
        if (fault is StoreFault.Failed or StoreFault.TimedOut && call.Attempt + 1 < ClaimAttempts && _now < flight.AsksUntil)
        {
            _claiming++;
            RetryLater(call, fault == StoreFault.TimedOut ? 0 : s_retryDelay << call.Attempt);
            return;
        }

        if (call.Late is { } late && late.Life == _lives[call.Part] && _now < call.IssuedAt + _settings.Lease)
        {
            OnGranted(call, flight, late.Token);
            return;
        }

        if (call.Late is { } tooLate)
            Return(state, tooLate);

        // The store can't be asked. Those who wait get a value made here; a regeneration waits for the store as long as the old value lasts.
        if (flight.Waiters is not null || (flight.KeepsGoing && EndsSoon(state)))
        {
            RunLocally(flight);
        }
        else
        {
            if (flight.Why == ClaimReason.Due)
                TellDeclined(state, isOver: false, null);
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
        var isLeaving = (_isDraining || _hasDrained) && flight.Waiters is null;
        if (isLeaving || flight.IsUnwanted || (state.Source ?? flight.Waiters?.Source) is null)
        {
            Release(flight, null);
            if (isLeaving)
                PublishEnd(NotificationKind.Released, flight);
            End(flight);
            return;
        }

        if (!TakePlace(flight))
        {
            ReturnClaim(flight);
            return;
        }

        flight.LeaseEnds = call.IssuedAt + _settings.Lease;
        flight.Life = _lives[state.Part];
        Hold(flight);
        TellHeld(flight);
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
            AskAgainBeforeEnd(flight.State, answer.Remaining.Ticks);
            End(flight);
            return;
        }

        if (flight.Why == ClaimReason.Due)
            flight.Why = ClaimReason.Miss;
        if (flight.HeardNothing && flight.Awaited != 0 && flight.Awaited != answer.Token && ++flight.Rounds > MaximumRounds)
        {
            // One claim after another, and nothing is heard of how they end: the store takes claims and no results. Nobody waits for that for ever.
            RunLocally(flight);
            return;
        }

        flight.Awaited = answer.Token;
        flight.AwaitedHolder = answer.Owner ?? "";
        if (flight.Why == ClaimReason.Refresh && flight.Observed == 0)
            flight.Observed = answer.Token;
        if (flight.State.NewestHeard >= answer.Token)
        {
            AskAgain(flight);
            return;
        }

        flight.Phase = FlightPhase.Waiting;
        GivePlaceBack(flight);
        flight.AsksUntil = 0;
        flight.WakeAt = _now + answer.Remaining.Ticks + Random(s_retryDelay);

        // Its holder has told that it gave the claim up, but the store doesn't know yet; or never will, and its lease has to end.
        if (flight.EndHeard >= answer.Token)
            flight.WakeAt = Math.Min(flight.WakeAt, _now + (s_retryDelay << Math.Min(flight.EndAsks++, 5)));
        else
            TellAwaited(flight);
        WakeForOrphan(flight);
        Queue(flight);
    }

    /// <summary>
    /// Another node regenerates the key. What it makes is heard of, as a rule; where that is lost, the next claim may meet the next holder, and so on, until
    /// what is shown here has ended, though the store has newer. So the store is asked for its record when that comes near.
    /// </summary>
    private void AskAgainBeforeEnd(KeyState state, long leaseLeft)
    {
        if (EndsSoon(state))
        {
            Peek(state, null);
            leaseLeft = Math.Min(leaseLeft, SoonDelay(state));
        }
        else if (state is { InMemory: true, Source: not null })
        {
            leaseLeft = Math.Min(leaseLeft, SoonAt(state) - _now);
        }

        DueAgainIn(state, leaseLeft);
    }

    private void OnFresh(StoreCall call, Flight flight, StoreRecord? record)
    {
        var state = flight.State;
        if (IsOvertaken(call, record?.Token ?? 0) || (flight.Why == ClaimReason.Refresh && call.LifeAtIssue != _lives[call.Part]))
        {
            AskAgain(flight);
            return;
        }

        if (record is { IsRemoved: false })
        {
            Take(call, record);
            AnswerValue(flight.TakeWaiters(), record.Payload!, record.Token);
            var isOver = record.DueIn is null || record.ActiveFor <= TimeSpan.Zero;
            if (flight.Why == ClaimReason.Due)
                TellDeclined(state, isOver, record.DueIn);
            if (isOver)
                Unschedule(state);
            End(flight);
            return;
        }

        // Only a Due claim gets here: the key was removed, or is inactive and gone.
        NoteToken(state, record?.Token ?? 0);
        TellDeclined(state, isOver: true, null);
        Unschedule(state);
        if (state.IsOutdated)
            Forget(state);
        EndOrAskAsMiss(flight);
    }

    /// <summary>
    /// A claim was granted when nobody here waited for that any more: the value is made without the store, or by a later claim. It is given back, or it would block
    /// the key in the whole farm for its lease. What runs here without the store can't use it: a change may have come between the two. Overridden only to plant a bug.
    /// </summary>
    protected virtual void OnLateGrant(LateGrant late)
    {
        var state = StateOf(late.Call.State!.Key);
        if (late.Call.IsAwaited)
        {
            // It is asked for once more: should that bring nothing, this did.
            late.Call.Late = late.Answer;
        }
        else if (!IsUnder(state, late.Answer.Token))
        {
            Return(state, late.Answer);
        }

        Settle(state);
    }

    private void Return(KeyState state, ClaimAnswer granted)
    {
        var flight = new Flight(state, ClaimReason.Miss) { Token = granted.Token };
        Release(flight, null, isReturn: true);
        if (granted.Life == _lives[state.Part])
            PublishEnd(NotificationKind.Released, flight);
    }

    /// <summary>Whether a flight of a key has this claim.</summary>
    private bool IsUnder(KeyState state, long token) =>
        state.Flight?.Token == token || (_detached.TryGetValue(state, out var flights) && flights.Exists(flight => flight.Token == token));

    private void Release(Flight flight, GenerationFailure? failure, long dueBackoff = 0, bool isReturn = false)
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
            IsReturn = isReturn,
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
                OnClaimFailed(call, flight, StoreFault.NotSent);
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
}
