using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Running a generator, and what becomes of its result.</content>
internal sealed partial class Flights
{
    public Dictionary<long, Flight> Runs { get; } = [];

    private long _lastRun;

    public int Committing { get; set; }

    /// <summary>A claim was granted to a flight that had asked without a place.</summary>
    private void ReturnClaim(Flight flight)
    {
        Release(flight, null);
        publishing.PublishEnd(NotificationKind.Released, flight);
        flight.Token = flight.Awaited = 0;
        flight.AwaitedHolder = "";
    }

    /// <summary>A call from within a generator has joined: it waits for nobody's place.</summary>
    private void GoOnNested(Flight flight)
    {
        flight.IsNested = true;
        waitProbes.ProbeForNested(flight);
        if (flight.InLine is null)
            return;
        places.LeaveLine(flight);
        if (flight.Phase == FlightPhase.Waiting)
            Claim(flight);
    }

    public void ServeLine()
    {
        while (places.Taken < Settings.MaximumForeground && places.Line.First is { Value: var next })
        {
            places.LeaveLine(next);
            if (next.IsUnwanted)
            {
                EndInLine(next);
                continue;
            }

            next.HasPlace = true;
            places.Taken++;

            // One that was woken meanwhile is on its way already.
            if (next.Phase == FlightPhase.Waiting)
                Claim(next);
            Kernel.Settle(next.State);
        }

        while (places.Line.Count > Settings.MaximumQueued && places.Line.Last is { Value: var last })
        {
            places.LeaveLine(last);
            Kernel.Answer(last.TakeWaiters(), AnswerKind.Overloaded);
            EndInLine(last);
        }
    }

    private void EndInLine(Flight flight)
    {
        if (flight.Phase == FlightPhase.Waiting)
            End(flight);
        Kernel.Settle(flight.State);
    }

    private void Run(Flight flight, long token)
    {
        var source = flight.State.Source ??= flight.Waiters!.Source!;
        flight.Phase = FlightPhase.Running;
        flight.Profile = source.Profile;
        flight.RunId = ++_lastRun;
        flight.RunEnds = Now + source.Profile.GenerationDeadline;
        flight.AsksUntil = 0;
        Runs.Add(flight.RunId, flight);
        Kernel.Queue(flight);
        Out.Send(Peer.Generators, new RunGenerator(flight.RunId, flight.State.Key, token, source));
    }

    public void OnFinished(GeneratorFinished finished)
    {
        if (!Runs.Remove(finished.RunId, out var flight))
            return;
        var state = flight.State;
        places.GivePlaceBack(flight);
        flight.RunEnds = long.MaxValue;
        if (finished.Outcome == RunOutcome.Failed)
        {
            FinishFailed(flight, finished.Failure!, AnswerKind.Failed);
        }
        else
        {
            // Answered at the end: what they were given is shown by then.
            state.Failures = 0;
            var (waiters, token) = (flight.TakeWaiters(), flight.Token);
            if (flight.IsSealed)
                End(flight);
            else if (finished.Outcome == RunOutcome.Uncached)
                FinishUncached(flight, finished.Payload!);
            else if (flight.IsLocal)
                FinishLocal(flight, finished.Payload!);
            else if (finished.Outcome == RunOutcome.TooLarge)
                FinishTooLarge(flight, finished.Payload!);
            else
                Commit(flight, finished.Payload!, isAnswered: waiters is not null);
            Kernel.AnswerValue(waiters, finished.Payload!, token);
        }

        Kernel.Settle(state);
    }

    private void Commit(Flight flight, CachePayload payload, bool isAnswered)
    {
        var state = flight.State;
        flight.Phase = FlightPhase.Committing;
        flight.Payload = payload;
        if (isAnswered)
            ShowOwn(flight, payload);
        flight.CommitEnds = Now + Math.Min(Settings.Lease, flight.Profile!.Lifetime);
        Committing++;
        var request = new CommitRequest
        {
            Key = state.Key,
            Operation = Kernel.NextOperation(),
            Token = flight.Token,
            ClaimEpoch = flight.Epoch,
            Payload = payload,
            Schedule = flight.Profile.ToSchedule(Math.Max(0, activity.OwnActivity(state) - Now)),
            Announcement = Settings is { Shards: 0, StoreAnnounces: { } announces } && announces() ? publishing.Announce(flight, payload) : null,
        };
        storeGate.Issue(new CommitCall(request) { State = state, Flight = flight });
    }

    /// <summary>
    /// What callers are given this node shows from now on, before the store has answered: as newer than all before its claim, and as no proof that it is
    /// stored. Not where its claim may be another's by now, nor over a change of this node that waits for the store.
    /// </summary>
    private void ShowOwn(Flight flight, CachePayload payload)
    {
        if (Now < flight.LeaseEnds && shown.MayShow(flight.State) && !Kernel.Omits(Step.ShowOwn))
            records.TakeUncommitted(flight, payload, flight.Token - 1, madeAt: Now);
    }

    /// <summary>Whether memory shows what this flight made, and has nobody's word that it is stored.</summary>
    private static bool ShowsOwn(Flight flight) => flight.State is { InMemory: true, Uncommitted: true } state && state.Token == flight.Token - 1;

    public void OnCommitted(CommitCall call, ChangeAnswer? answer)
    {
        Committing--;
        var flight = call.Flight!;
        var state = flight.State;
        if (answer is null && !flight.IsSealed && Now < Math.Min(flight.LeaseEnds, flight.CommitEnds))
        {
            Committing++;
            storeGate.RetryLater(call, Delays.Retry * 2);
            return;
        }

        var payload = flight.Payload!;
        if (answer is null)
        {
            publishing.NoteUnsure();
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

            // Whoever waits elsewhere for this claim waits for nothing any more, and goes first: this node has a value.
            Kernel.AnswerValue(flight.TakeWaiters(), payload, flight.Token);
            Release(flight, null);
            publishing.PublishEnd(NotificationKind.Released, flight);

            // Based on what came before its claim: should it be stored after all, the next claim finds it.
            records.TakeUncommitted(flight, payload, flight.Token - 1, madeAt: call.IssuedAt);
            state.DueAt = Now + Settings.Lease + Kernel.Random(Delays.Repair);
            End(flight);
        }
        else if (answer.Accepted)
        {
            shown.NoteToken(state, answer.Token);
            if (call.Request.Announcement is { } announcement)
                publishing.NoteLateAnnouncement(call, announcement);
            else
                publishing.PublishFresh(state.Key, payload, answer, call.IssuedAt + flight.Profile!.Lifetime - Now, isAwaited: flight.Why != ClaimReason.Due);
            if (state.NewestHeard == answer.Token)
            {
                // What memory has let go for want of room doesn't come back without a reader.
                if (scheduling.IsWanted(state) || flight.Why != ClaimReason.Due || flight.Waiters is not null)
                    shown.Show(state, answer.Token, payload, call.IssuedAt + flight.Profile!.Lifetime);
                else
                    state.Token = answer.Token;
                scheduling.DueIn(state, answer.DueIn, owner: true);
                VerifyAcrossGap(call);
                Kernel.AnswerValue(flight.TakeWaiters(), payload, answer.Token);
                End(flight);
            }
            else
            {
                AskAgainAll(flight);
            }
        }
        else
        {
            // Superseded: what is newer may be a removal. Without anything newer (the claim was lost) it stays, and yields to nothing older.
            var isSuperseded = answer.Token > flight.Token && ShowsOwn(flight);
            shown.NoteToken(state, answer.Token);
            if (isSuperseded)
                shown.Forget(state);
            else if (IsOfUse(flight, answer))
                records.TakeUncommitted(flight, payload, flight.Token - 1, madeAt: call.IssuedAt);
            scheduling.DueAgainIn(state, Delays.Repair);
            AskAgainAll(flight);
            if (isSuperseded)
                Kernel.Post(new Fact(FactKind.FetchWanted) { State = state });
        }
    }

    /// <summary>
    /// Whether a refused value is better than what readers have here: its claim was lost, nothing newer is known, and what is shown is
    /// about to end, or has. A store that evicts claims would otherwise let a value run out whose next one is made over and over.
    /// </summary>
    private bool IsOfUse(Flight flight, ChangeAnswer answer) => flight is { IsSealed: false, State: var state } && !ShowsOwn(flight)
        && answer.Token < flight.Token && state.NewestHeard < flight.Token && scheduling.EndsSoon(state) && shown.MayShow(state);

    private void FinishFailed(Flight flight, GenerationFailure failure, AnswerKind kind)
    {
        var state = flight.State;
        if (flight.IsSealed && kind == AnswerKind.Failed)
        {
            // The change that overtook this run has made a newer value, or room for one: better than a late failure.
            TellFailed(flight, failure);
            AskAgainAll(flight);
            return;
        }

        var backoff = Scheduling.DueBackoff(state);
        if (!flight.IsSealed && !flight.IsLocal)
        {
            ownFailures.NoteOwn(state.Key, failure, flight.Profile!.FailureBackoff);
            Release(flight, failure);
            publishing.PublishEnd(NotificationKind.Failed, flight, failure: failure);

            // There is no newer value to put what was made without the store to the test: then the store's is.
            if (state is { InMemory: true, Uncommitted: true })
                Peek(state, null);
        }

        Kernel.AnswerFailure(flight.TakeWaiters(), failure, kind);
        if (!flight.IsSealed)
            scheduling.DueAgainIn(state, backoff);
        TellFailed(flight, failure);
        End(flight);
    }

    private void TellFailed(Flight flight, GenerationFailure failure)
    {
        var state = flight.State;
        Out.Send(Peer.Callers, new GenerationFailedHere(
            state.Key, flight.Why, Math.Max(1, (int)state.Failures), state.DueAt == long.MaxValue ? null : TimeSpan.FromTicks(Math.Max(0, state.DueAt - Now)), failure));
    }

    private void FinishUncached(Flight flight, CachePayload payload)
    {
        if (!flight.IsLocal)
        {
            Release(flight, null, flight.Profile!.Interval);
            publishing.PublishEnd(NotificationKind.Uncached, flight, payload);
        }

        // What the store doesn't vouch for has no successor.
        if (flight.State.Uncommitted)
            shown.Forget(flight.State);
        scheduling.DueAgainIn(flight.State, flight.Profile!.Interval);
        End(flight);
    }

    private void FinishLocal(Flight flight, CachePayload payload)
    {
        if (flight.State.NewestHeard <= flight.Token)
            records.TakeUncommitted(flight, payload, flight.Token, madeAt: Now);
        End(flight);
    }

    private void FinishTooLarge(Flight flight, CachePayload payload)
    {
        var state = flight.State;
        Release(flight, null);
        publishing.PublishEnd(NotificationKind.Released, flight);
        records.TakeUncommitted(flight, payload, flight.Token - 1, madeAt: Now);
        state.DueAt = Now + flight.Profile!.Interval;
        End(flight);
    }

    public void Cancel(Flight flight, bool hung)
    {
        heldClaims.Unhold(flight);
        flight.RunEnds = long.MaxValue;
        if (Runs.Remove(flight.RunId))
            Out.Send(Peer.Generators, new CancelGenerator(flight.RunId, hung));
    }
}
