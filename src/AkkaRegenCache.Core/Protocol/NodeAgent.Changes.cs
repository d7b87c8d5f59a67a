using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Sets and removals.</content>
internal partial class NodeAgent
{
    private const int ChangeAttempts = 4;

    private void OnChange(ChangeRequested change)
    {
        var state = StateOf(change.Caller.Key);
        _aside.Add(change.Caller);
        IssueChange(change, state, NextOperation(), Math.Max(state.NewestHeard, state.Token), _now, attempt: 0, _gaps);
        Settle(state);
    }

    private void IssueChange(ChangeRequested change, KeyState state, OperationId operation, long observed, long issuedAt, int attempt, long gaps)
    {
        var profile = change.Caller.Profile;
        StoreRequest request = change.Payload is { } payload && !change.MemoryOnly
            ? new WriteRequest
            {
                Key = state.Key,
                Operation = operation,
                Payload = payload,
                Schedule = profile.ToSchedule(profile.Retention),
                ObservedToken = observed,
                IsRetry = attempt > 0,
            }
            : new InvalidateRequest
            {
                Key = state.Key,
                Operation = operation,
                TombstoneFor = TimeSpan.FromTicks(Math.Max(profile.GenerationDeadline, _settings.Lease) + _settings.Lease),
            };
        var call = new StoreCall { Request = request, State = state, Change = change, Attempt = attempt, IssuedAt = issuedAt, ActivityAt = _now, GapsAtIssue = gaps };
        if (attempt == 0)
        {
            Issue(call);
        }
        else
        {
            state.Pending++;
            Queue(new Retry(call, _now + (s_retryDelay << attempt)));
        }
    }

    private void OnChanged(StoreCall call, ChangeAnswer? answer, Exception? error)
    {
        var change = call.Change!;
        var state = call.State!;
        if (answer is null)
        {
            OnChangeFailed(call, error);
            return;
        }

        NoteToken(state, answer.Token);
        if (answer.Accepted && change.Payload is null)
        {
            PublishRemoved(state.Key, answer.Token);
            HearRemoved(state, answer.Token);
        }
        else if (answer.Accepted && change.MemoryOnly)
        {
            PublishRemoved(state.Key, answer.Token);
            HearRemoved(state, answer.Token);
            if (state.NewestHeard == answer.Token)
                Show(state, answer.Token, change.Payload!, _now + change.Caller.Profile.Life);
        }
        else if (answer.Accepted)
        {
            PublishFresh(state.Key, change.Payload!, answer, call.IssuedAt + change.Caller.Profile.Life - _now);
            if (state.NewestHeard == answer.Token)
            {
                Show(state, answer.Token, change.Payload!, call.IssuedAt + change.Caller.Profile.Life);
                DueIn(state, answer.DueIn, owner: true);
            }
            else if (state.InMemory && state.Token < answer.Token)
            {
                // Overtaken already by something that is still being fetched; whoever made this change must not see what was before it.
                Forget(state);
            }

            WakeWaiting(state, answer.Token, state.NewestHeard == answer.Token ? change.Payload : null);
        }
        else if (state.IsOutdated)
        {
            DueAgainIn(state, 0);
        }

        VerifyAcrossGap(call);
        if (_aside.Remove(change.Caller))
            _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { Accepted = answer.Accepted, Token = answer.Token });
    }

    private void OnChangeFailed(StoreCall call, Exception? error)
    {
        var change = call.Change!;
        var state = call.State!;
        if (call.Attempt + 1 < ChangeAttempts)
        {
            var observed = call.Request is WriteRequest write ? write.ObservedToken : 0;
            IssueChange(change, state, ((MutationRequest)call.Request!).Operation, observed, call.IssuedAt, call.Attempt + 1, call.GapsAtIssue);
            return;
        }

        // Done or not, nobody knows: what this node shows may be old, so it shows nothing and asks the store for the next reader.
        NoteUnsure();
        Forget(state);
        state.DueAt = long.MaxValue;
        if (_aside.Remove(change.Caller))
            _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.StoreFailed) { Error = error });
    }
}
