using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Running a generator, and what becomes of its result.</content>
internal partial class NodeAgent
{
    /// <summary>So many failures are remembered with their exceptions.</summary>
    private const int MostOwnFailures = 1000;

    /// <summary>Failures of this node's own runs, and until when the store may answer with them.</summary>
    private readonly Dictionary<string, (GenerationFailure Failure, long Until)> _ownFailures = new(StringComparer.Ordinal);

    private void Run(Flight flight, long token)
    {
        var source = flight.State.Source ??= flight.Waiters!.Source!;
        flight.Phase = FlightPhase.Running;
        flight.Profile = source.Profile;
        flight.RunId = ++_lastRun;
        flight.RunEnds = _now + source.Profile.GenerationDeadline;
        flight.AsksUntil = 0;
        _runs.Add(flight.RunId, flight);
        Queue(flight);
        _out.Send(Peer.Generators, new RunGenerator(flight.RunId, flight.State.Key, token, source));
    }

    private void OnFinished(GeneratorFinished finished)
    {
        if (!_runs.Remove(finished.RunId, out var flight))
            return;
        var state = flight.State;
        GivePlaceBack(flight);
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
            AnswerValue(waiters, finished.Payload!, token);
        }

        Settle(state);
    }

    private void Commit(Flight flight, CachePayload payload, bool isAnswered)
    {
        var state = flight.State;
        flight.Phase = FlightPhase.Committing;
        flight.Payload = payload;
        if (isAnswered)
            ShowOwn(flight, payload);
        flight.CommitEnds = _now + Math.Min(_settings.Lease, flight.Profile!.Life);
        _committing++;
        Issue(new StoreCall
        {
            Request = new CommitRequest
            {
                Key = state.Key,
                Operation = NextOperation(),
                Token = flight.Token,
                ClaimLife = flight.Life,
                Payload = payload,
                Schedule = flight.Profile.ToSchedule(Math.Max(0, OwnActivity(state) - _now)),
                Announcement = _settings is { Shards: 0, StoreAnnounces: { } announces } && announces() ? Announce(flight, payload) : null,
            },
            State = state,
            Flight = flight,
        });
    }

    /// <summary>
    /// What callers are given this node shows from now on, before the store has answered: as newer than all before its claim, and as no proof that it is
    /// stored. Not where its claim may be another's by now, nor over a change of this node that waits for the store. Overridden only to plant a bug.
    /// </summary>
    protected virtual void ShowOwn(Flight flight, CachePayload payload)
    {
        if (_now < flight.LeaseEnds && MayShow(flight.State))
            TakeUncommitted(flight, payload, flight.Token - 1, madeAt: _now);
    }

    /// <summary>Whether memory shows what this flight made, and has nobody's word that it is stored.</summary>
    private static bool ShowsOwn(Flight flight) => flight.State is { InMemory: true, Uncommitted: true } state && state.Token == flight.Token - 1;

    private void OnCommitted(StoreCall call, ChangeAnswer? answer)
    {
        var flight = call.Flight!;
        var state = flight.State;
        if (answer is null && !flight.IsSealed && _now < Math.Min(flight.LeaseEnds, flight.CommitEnds))
        {
            _committing++;
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

            // Whoever waits elsewhere for this claim waits for nothing any more, and goes first: this node has a value.
            AnswerValue(flight.TakeWaiters(), payload, flight.Token);
            Release(flight, null);
            PublishEnd(NotificationKind.Released, flight);

            // Based on what came before its claim: should it be stored after all, the next claim finds it.
            TakeUncommitted(flight, payload, flight.Token - 1, madeAt: call.IssuedAt);
            state.DueAt = _now + _settings.Lease + Random(s_repairDelay);
            End(flight);
        }
        else if (answer.Accepted)
        {
            NoteToken(state, answer.Token);
            if (call.Request is CommitRequest { Announcement: { } announcement })
                NoteLateAnnouncement(call, announcement);
            else
                PublishFresh(state.Key, payload, answer, call.IssuedAt + flight.Profile!.Life - _now, isAwaited: flight.Why != ClaimReason.Due);
            if (state.NewestHeard == answer.Token)
            {
                // What memory has let go for want of room doesn't come back without a reader.
                if (IsWanted(state) || flight.Why != ClaimReason.Due || flight.Waiters is not null)
                    Show(state, answer.Token, payload, call.IssuedAt + flight.Profile!.Life);
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
            // Superseded: what is newer may be a removal. Without anything newer (the claim was lost) it stays, and yields to nothing older.
            var isSuperseded = answer.Token > flight.Token && ShowsOwn(flight);
            NoteToken(state, answer.Token);
            if (isSuperseded)
                Forget(state);
            else if (IsOfUse(flight, answer))
                TakeUncommitted(flight, payload, flight.Token - 1, madeAt: call.IssuedAt);
            DueAgainIn(state, s_repairDelay);
            AskAgainAll(flight);
            if (isSuperseded)
                Fetch(state);
        }
    }

    /// <summary>
    /// Whether a refused value is better than what readers have here: its claim was lost, nothing newer is known, and what is shown is
    /// about to end, or has. A store that evicts claims would otherwise let a value run out whose next one is made over and over.
    /// </summary>
    private bool IsOfUse(Flight flight, ChangeAnswer answer) => flight is { IsSealed: false, State: var state } && !ShowsOwn(flight)
        && answer.Token < flight.Token && state.NewestHeard < flight.Token && EndsSoon(state) && MayShow(state);

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

        var backoff = DueBackoff(state);
        if (!flight.IsSealed && !flight.IsLocal)
        {
            NoteOwn(state.Key, failure, flight.Profile!.FailureBackoff);
            Release(flight, failure);
            PublishEnd(NotificationKind.Failed, flight, failure: failure);

            // There is no newer value to put what was made without the store to the test: then the store's is.
            if (state is { InMemory: true, Uncommitted: true })
                Peek(state, null);
        }

        AnswerFailure(flight.TakeWaiters(), failure, kind);
        if (!flight.IsSealed)
            DueAgainIn(state, backoff);
        TellFailed(flight, failure);
        End(flight);
    }

    private void TellFailed(Flight flight, GenerationFailure failure)
    {
        var state = flight.State;
        _out.Send(Peer.Callers, new GenerationFailedHere(
            state.Key, flight.Why, Math.Max(1, (int)state.Failures), state.DueAt == long.MaxValue ? null : TimeSpan.FromTicks(Math.Max(0, state.DueAt - _now)), failure));
    }

    /// <summary>Within the backoff the store answers with a failure as others know it. This node has the exception itself.</summary>
    private void NoteOwn(string key, GenerationFailure failure, long backoff)
    {
        if (backoff <= 0 || failure.Exception is null)
            return;
        if (_ownFailures.Count >= MostOwnFailures)
        {
            foreach (var (past, _) in _ownFailures.Where(f => f.Value.Until <= _now).ToArray())
                _ownFailures.Remove(past);
            if (_ownFailures.Count >= MostOwnFailures)
                _ownFailures.Clear();
        }

        _ownFailures[key] = (failure, _now + backoff);
    }

    private GenerationFailure? OwnOf(string key, GenerationFailure? told) =>
        _ownFailures.TryGetValue(key, out var own) && own.Until > _now && told is not null && (own.Failure.Type, own.Failure.Message) == (told.Type, told.Message)
            ? own.Failure
            : told;

    private void FinishUncached(Flight flight, CachePayload payload)
    {
        if (!flight.IsLocal)
        {
            Release(flight, null, flight.Profile!.Interval);
            PublishEnd(NotificationKind.Uncached, flight, payload);
        }

        // What the store doesn't vouch for has no successor.
        if (flight.State.Uncommitted)
            Forget(flight.State);
        DueAgainIn(flight.State, flight.Profile!.Interval);
        End(flight);
    }

    private void FinishLocal(Flight flight, CachePayload payload)
    {
        if (flight.State.NewestHeard <= flight.Token)
            TakeUncommitted(flight, payload, flight.Token, madeAt: _now);
        End(flight);
    }

    private void FinishTooLarge(Flight flight, CachePayload payload)
    {
        var state = flight.State;
        Release(flight, null);
        PublishEnd(NotificationKind.Released, flight);
        TakeUncommitted(flight, payload, flight.Token - 1, madeAt: _now);
        state.DueAt = _now + flight.Profile!.Interval;
        End(flight);
    }

    private void Cancel(Flight flight, bool hung)
    {
        Unhold(flight);
        flight.RunEnds = long.MaxValue;
        if (_runs.Remove(flight.RunId))
            _out.Send(Peer.Generators, new CancelGenerator(flight.RunId, hung));
    }
}
