using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Runs of generators, and their results.</content>
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

    /// <summary>A call inside a generator has joined the flight: it must not wait for a place.</summary>
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

            // A flight that was woken meanwhile has asked already.
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
            // Callers are answered last, so that memory already shows their value.
            state.Failures = 0;
            var (waiters, token) = (flight.TakeWaiters(), flight.Token);
            if (flight.IsSuperseded)
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
            Announcement = Settings is { Shards: 0, StoreAnnounces: { } announces } && announces()
                ? publishing.Announce(flight, payload)
                : null,
        };
        storeGate.Issue(new CommitCall(request) { State = state, Flight = flight });
    }

    /// <summary>
    /// Shows the value before the store has answered, because callers get it now. It counts as newer than everything before its claim, but
    /// not as stored. It is not shown if another node may have the claim by now, or over a pending change of this node.
    /// </summary>
    private void ShowOwn(Flight flight, CachePayload payload)
    {
        if (Now < flight.LeaseEnds && shown.MayShow(flight.State) && !Kernel.Omits(Step.ShowOwn))
            records.TakeUncommitted(flight, payload, flight.Token - 1, madeAt: Now);
    }

    /// <summary>Whether memory shows this flight's value, uncommitted.</summary>
    private static bool ShowsOwn(Flight flight) =>
        flight.State is { InMemory: true, Uncommitted: true } state && state.Token == flight.Token - 1;

    public void OnCommitted(CommitCall call, ChangeAnswer? answer)
    {
        Committing--;
        var flight = call.Flight!;
        var state = flight.State;
        if (answer is null && !flight.IsSuperseded && Now < Math.Min(flight.LeaseEnds, flight.CommitEnds))
        {
            Committing++;
            storeGate.RetryLater(call, Delays.Retry * 2);
            return;
        }

        var payload = flight.Payload!;
        if (answer is null)
        {
            publishing.NoteUnsure();
            // Whether the commit was done is unknown. The value stays on this node and yields to anything newer.
            if (flight.IsSuperseded || state.NewestHeard > flight.Token)
            {
                AskAgainAll(flight);
                return;
            }

            if (state.InMemory && state.Token >= flight.Token)
            {
                // The commit was done: its record has been read already.
                AskAgainAll(flight);
                return;
            }

            // Release remote waiters: this claim will not be committed. That goes first, as this node has a value.
            Kernel.AnswerValue(flight.TakeWaiters(), payload, flight.Token);
            Release(flight, null);
            publishing.PublishEnd(NotificationKind.Released, flight);

            // The basis is the token before its claim: if the commit was done after all, the next claim finds it.
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
                publishing.PublishFresh(state.Key, payload, answer, call.IssuedAt + flight.Profile!.Lifetime - Now,
                    isAwaited: flight.Why != ClaimReason.Due);
            if (state.NewestHeard == answer.Token)
            {
                // A value that memory evicted does not come back without a reader.
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
            // Superseded: the newer token may be a removal. If there is none (the claim was lost), the value stays and yields to nothing
            // older.
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
    /// Whether a superseded value is still better than what readers have: its claim was lost, no newer token is known, and the shown value
    /// has expired or will soon. Otherwise, with a store that evicts claims, values would expire although the generator runs again and
    /// again.
    /// </summary>
    private bool IsOfUse(Flight flight, ChangeAnswer answer) => flight is { IsSuperseded: false, State: var state } && !ShowsOwn(flight)
        && answer.Token < flight.Token && state.NewestHeard < flight.Token && scheduling.EndsSoon(state) && shown.MayShow(state);

    private void FinishFailed(Flight flight, GenerationFailure failure, AnswerKind kind)
    {
        var state = flight.State;
        if (flight.IsSuperseded && kind == AnswerKind.Failed)
        {
            // The change that superseded this run made a newer value, or a removal: a better answer than a late failure.
            TellFailed(flight, failure);
            AskAgainAll(flight);
            return;
        }

        var backoff = Scheduling.DueBackoff(state);
        if (!flight.IsSuperseded && !flight.IsLocal)
        {
            ownFailures.NoteOwn(state.Key, failure, flight.Profile!.FailureBackoff);
            Release(flight, failure);
            publishing.PublishEnd(NotificationKind.Failed, flight, failure: failure);

            // No newer value will replace what was made without the store, so the store's record counts.
            if (state is { InMemory: true, Uncommitted: true })
                Peek(state, null);
        }

        Kernel.AnswerFailure(flight.TakeWaiters(), failure, kind);
        if (!flight.IsSuperseded)
            scheduling.DueAgainIn(state, backoff);
        TellFailed(flight, failure);
        End(flight);
    }

    private void TellFailed(Flight flight, GenerationFailure failure)
    {
        var state = flight.State;
        Out.Send(Peer.Callers, new GenerationFailedHere(
            state.Key, flight.Why, Math.Max(1, (int)state.Failures),
            state.DueAt == long.MaxValue ? null : TimeSpan.FromTicks(Math.Max(0, state.DueAt - Now)), failure));
    }

    private void FinishUncached(Flight flight, CachePayload payload)
    {
        if (!flight.IsLocal)
        {
            Release(flight, null, flight.Profile!.Interval);
            publishing.PublishEnd(NotificationKind.Uncached, flight, payload);
        }

        // An uncommitted value has no scheduled successor.
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
