using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Reads and claims at the store, and their answers.</content>
internal sealed partial class Flights
{
    private const int ClaimAttempts = 2;

    /// <summary>For how many claims of other nodes that end without a value a flight waits.</summary>
    private const int MaximumRounds = 3;

    /// <summary>How often a flight asks again while its own node holds the claim, before it treats the claim as orphaned.</summary>
    private const int OwnClaimPatience = 3;

    public int Claiming { get; set; }

    /// <summary>
    /// A gap was found while the operation was under way. Its result is shown only now, so anti-entropy had nothing to compare then: the
    /// key is read again.
    /// </summary>
    public void VerifyAcrossGap(StoreCall call)
    {
        if (call.GapsAtIssue != Kernel.Gaps)
            Peek(call.State!, null);
    }

    /// <summary>Whether an answer is outdated: a newer token was received since the call was sent.</summary>
    private bool IsOutdatedAnswer(StoreCall call, long token)
    {
        if (Kernel.Omits(Step.RefuseOvertaken))
            return false;
        var heardBefore = call.EpochAtIssue == Kernel.Epochs[call.Partition] ? call.HeardAtIssue : 0;
        return (call.State!.NewestHeard > heardBefore && token < call.State.NewestHeard) || !shown.MayShow(call.State);
    }

    public void Read(Flight flight)
    {
        flight.Phase = FlightPhase.Reading;
        flight.HasRead = true;
        BeginAsking(flight);
        storeGate.Issue(new FlightReadCall(flight.State.Key) { State = flight.State, Flight = flight });
    }

    public void Claim(Flight flight)
    {
        if (flight.Awaited == 0 && !places.TakePlace(flight))
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
            Operation = Kernel.NextOperation(),
            Owner = Settings.NodeId,
            Lease = TimeSpan.FromTicks(Settings.Lease),
            Reason = flight.Why,
            ObservedToken = observed,
            AwaitedToken = flight.Awaited,
            ActiveFor = TimeSpan.FromTicks(state.ActiveUntil > Now ? state.ActiveUntil - Now : 0),
            StealFrom = flight.Orphan,
        };
        flight.Orphan = null;
        Claiming++;
        storeGate.Issue(new ClaimCall(request) { State = state, Flight = flight });
    }

    private void BeginAsking(Flight flight)
    {
        if (flight.AsksUntil == 0)
            flight.AsksUntil = Now + Settings.ReadTimeout;
    }

    /// <summary>Generates without the store, for the callers of this node.</summary>
    private void RunLocally(Flight flight)
    {
        if (flight is { Why: not ClaimReason.Refresh, State.InMemory: true } && !scheduling.EndsSoon(flight.State))
        {
            // A change was made while the store was asked. A local value must not replace it, and the callers can have the changed value.
            Kernel.Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            scheduling.DueAgainIn(flight.State, Delays.Repair);
            End(flight);
            return;
        }

        if (!places.TakePlace(flight))
            return;
        flight.IsLocal = true;
        flight.Token = Math.Max(flight.State.NewestHeard, flight.State.Token);
        Run(flight, 0);
    }

    public void OnRead(FlightReadCall call, ReadAnswer? answer, StoreFault fault)
    {
        var flight = call.Flight!;
        var state = flight.State;
        var record = answer?.Record;
        if (answer is null)
        {
            Kernel.Answer(flight.TakePeekers(), AnswerKind.Missing);
            var mayWait = !flight.IsOwedARun
                && !(flight.KeepsGoing && state.Source is { Profile.IsScheduled: true } && scheduling.EndsSoon(state));
            if (flight.Waiters is null && mayWait)
                End(flight, again: Delays.Repair / 4);
            else if (flight.Waiters is not null && fault is StoreFault.NotSent or StoreFault.Refused)
                RunLocally(flight);
            else
                Claim(flight);
        }
        else if (IsOutdatedAnswer(call, record?.Token ?? 0))
        {
            Read(flight);
        }
        else if (record is { IsRemoved: false })
        {
            // The read began after those tokens were received, so the store's answer counts even where it is older.
            state.NewestHeard = Math.Max(record.Token, state.Token);
            records.Take(call, record);
            Kernel.AnswerValue(flight.TakePeekers(), record.Payload!, record.Token);
            Kernel.AnswerValue(flight.TakeWaiters(), record.Payload!, record.Token);
            End(flight);
        }
        else
        {
            shown.NoteToken(state, record?.Token ?? 0);
            if (record is not null && flight.Waiters is null)
                scheduling.Unschedule(state);
            if (state.IsOutdated)
                shown.Forget(state);
            Kernel.Answer(flight.TakePeekers(), AnswerKind.Missing);
            if (flight.Waiters is null && !flight.IsOwedARun)
                End(flight);
            else
                Claim(flight);
        }
    }

    public void OnClaimed(ClaimCall call, ClaimAnswer? answer, StoreFault fault)
    {
        var flight = call.Flight!;
        Claiming--;
        switch (answer?.Outcome)
        {
            case null:
                OnClaimFailed(call, flight, fault);
                break;
            case ClaimOutcome.Granted:
                OnGranted(call, flight, answer.Token);
                break;
            case ClaimOutcome.Held when call.Late?.Token == answer.Token && call.Late.Epoch == answer.Epoch
                && Now < call.IssuedAt + Settings.Lease:
                // The first try was granted: the store has forgotten that answer, but it has reached this node since.
                OnGranted(call, flight, answer.Token);
                break;
            case ClaimOutcome.Held:
                OnHeld(flight, answer);
                break;
            case ClaimOutcome.Fresh:
                OnFresh(call, flight, answer.Record);
                break;
            case ClaimOutcome.BackingOff when call.Request.Reason == ClaimReason.Due:
                coordinators.TellDeclined(flight.State, isOver: false, answer.Remaining);
                scheduling.DueAgainIn(flight.State, answer.Remaining.Ticks);
                EndOrAskAsMiss(flight);
                break;
            case ClaimOutcome.BackingOff when IsOutdatedAnswer(call, answer.Token):
                AskAgain(flight);
                break;
            case ClaimOutcome.BackingOff:
                Kernel.AnswerFailure(flight.TakeWaiters(), ownFailures.OwnOf(flight.State.Key, answer.Failure));
                scheduling.DueAgainIn(flight.State, Delays.Repair);
                End(flight);
                break;
        }
    }

    private void OnClaimFailed(ClaimCall call, Flight flight, StoreFault fault)
    {
        var state = flight.State;
        if (fault is StoreFault.Failed or StoreFault.TimedOut && call.Attempt + 1 < ClaimAttempts && Now < flight.AsksUntil)
        {
            Claiming++;
            storeGate.RetryLater(call, fault == StoreFault.TimedOut ? 0 : Delays.Retry << call.Attempt);
            return;
        }

        if (call.Late is { } late && late.Epoch == Kernel.Epochs[call.Partition] && Now < call.IssuedAt + Settings.Lease)
        {
            OnGranted(call, flight, late.Token);
            return;
        }

        if (call.Late is { } tooLate)
            Return(state, tooLate);

        if (fault == StoreFault.Refused && flight is { Why: ClaimReason.Miss, HasRead: false })
        {
            // The store takes no claims now (no memory, a replica), but may still have the value.
            places.GivePlaceBack(flight);
            Read(flight);
            return;
        }

        GoOnWithoutClaim(flight);
    }

    private void GoOnWithoutClaim(Flight flight)
    {
        var state = flight.State;

        // The store can't be asked. Callers get a value made here. A scheduled run waits for the store as long as the old value lasts.
        if (flight.Waiters is not null || (flight.KeepsGoing && scheduling.EndsSoon(state)))
        {
            RunLocally(flight);
        }
        else
        {
            if (flight.Why == ClaimReason.Due)
                coordinators.TellDeclined(state, isOver: false, null);
            scheduling.DueAgainIn(state, Delays.Repair);
            End(flight);
        }
    }

    private void OnGranted(StoreCall call, Flight flight, long token)
    {
        var state = flight.State;
        if (state.NewestHeard > token)
        {
            // A change ended this claim before the answer arrived.
            AskAgain(flight);
            return;
        }

        flight.Token = token;
        var isLeaving = (Kernel.IsDraining || Kernel.HasDrained) && flight.Waiters is null;
        if (isLeaving || flight.IsUnwanted || (state.Source ?? flight.Waiters?.Source) is null)
        {
            Release(flight, null, isReturn: true);
            if (isLeaving)
                publishing.PublishEnd(NotificationKind.Released, flight);
            End(flight);
            return;
        }

        if (!places.TakePlace(flight))
        {
            ReturnClaim(flight);
            return;
        }

        flight.LeaseEnds = call.IssuedAt + Settings.Lease;
        flight.Epoch = Kernel.Epochs[state.Partition];
        heldClaims.Hold(flight);
        coordinators.TellHeld(flight);
        Run(flight, token);
    }

    private void OnHeld(Flight flight, ClaimAnswer answer)
    {
        if (answer.Owner == Settings.NodeId)
        {
            if (++flight.OwnClaims <= OwnClaimPatience)
            {
                // Most likely its release is still under way.
                flight.Phase = FlightPhase.Waiting;
                flight.WakeAt = Now + Delays.Retry;
                Kernel.Queue(flight);
                return;
            }

            // This node's own claim, whose answer was lost: nothing runs under it. Release it and ask again.
            flight.Phase = FlightPhase.Releasing;
            storeGate.Issue(new ReleaseCall(new ReleaseRequest { Key = flight.State.Key, Operation = Kernel.NextOperation(),
                Token = answer.Token })
            {
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
            // Claims follow each other and no outcome is received: the store takes claims but no results. Callers must not wait for that
            // forever.
            RunLocally(flight);
            return;
        }

        var isOther = flight.Awaited != answer.Token;
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
        places.GivePlaceBack(flight);
        flight.AsksUntil = 0;
        flight.WakeAt = Now + answer.Remaining.Ticks + Kernel.Random(Delays.Retry);

        // Its holder has announced the release, but the store does not know it yet. If the release was lost, the lease has to end.
        if (flight.EndHeard >= answer.Token)
            flight.WakeAt = Math.Min(flight.WakeAt, Now + (Delays.Retry << Math.Min(flight.EndAsks++, 5)));
        else
            coordinators.TellAwaited(flight);
        deadNodes.WakeForOrphan(flight);
        waitProbes.ProbeForHeld(flight, isOther);
        Kernel.Queue(flight);
    }

    /// <summary>
    /// Another node regenerates the key. Its notification may be lost, and the next claim may find the next holder, until the value shown
    /// here expires although the store has a newer one. So the node reads the store's record before that.
    /// </summary>
    private void AskAgainBeforeEnd(KeyState state, long leaseLeft)
    {
        if (scheduling.EndsSoon(state))
        {
            Peek(state, null);
            leaseLeft = Math.Min(leaseLeft, Scheduling.SoonDelay(state));
        }
        else if (state is { InMemory: true, Source: not null })
        {
            leaseLeft = Math.Min(leaseLeft, Scheduling.SoonAt(state) - Now);
        }

        scheduling.DueAgainIn(state, leaseLeft);
    }

    private void OnFresh(StoreCall call, Flight flight, StoreRecord? record)
    {
        var state = flight.State;
        if (IsOutdatedAnswer(call, record?.Token ?? 0)
            || (flight.Why == ClaimReason.Refresh && call.EpochAtIssue != Kernel.Epochs[call.Partition]))
        {
            AskAgain(flight);
            return;
        }

        if (record is { IsRemoved: false })
        {
            records.Take(call, record);
            Kernel.AnswerValue(flight.TakeWaiters(), record.Payload!, record.Token);
            if (flight.Why == ClaimReason.Due)
            {
                var isOver = record.DueIn is null || record.ActiveFor <= TimeSpan.Zero;
                coordinators.TellDeclined(state, isOver, record.DueIn);
                if (isOver)
                    scheduling.Unschedule(state);
            }

            End(flight);
            return;
        }

        // On a scheduled claim: the key was removed, or became inactive and its record is gone. Or a store that evicts lost the record
        // between two calls.
        shown.NoteToken(state, record?.Token ?? 0);
        if (flight.Why == ClaimReason.Due)
        {
            coordinators.TellDeclined(state, isOver: true, null);
            scheduling.Unschedule(state);
        }

        if (state.IsOutdated)
            shown.Forget(state);
        EndOrAskAsMiss(flight);
    }
}
