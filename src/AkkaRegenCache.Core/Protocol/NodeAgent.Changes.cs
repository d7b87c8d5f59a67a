using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Sets and removals, while the store answers.</content>
internal partial class NodeAgent
{
    private const int ChangeAttempts = 4;

    private static readonly long s_doubt = TimeSpan.FromMilliseconds(10).Ticks;

    /// <summary>The changes of each key that are not over, latest first.</summary>
    private readonly Dictionary<KeyState, PendingChange> _open = [];

    private long _changes;

    private void OnChange(ChangeRequested asked)
    {
        var state = StateOf(asked.Caller.Key);
        var change = new PendingChange(state, asked)
        {
            Number = ++_changes,
            Operation = NextOperation(),
            Observed = Math.Max(state.NewestHeard, state.Token),
            AskedAt = _now,
            CallerEnds = _now + _settings.WriteTimeout,
            Gaps = _gaps,
            Life = _lives[state.Part],
        };
        state.Pending++;
        change.NextOpen = _open.GetValueOrDefault(state);
        _open[state] = change;
        _aside.Add(asked.Caller, null);
        if (_queues.ContainsKey(state))
            Enqueue(change);
        if (change.Profile.BackgroundWrites ? _queued < _settings.MaximumPendingChanges : change.IsQueued && _breaker.IsOpen)
            Defer(change, null);

        // Behind another one it waits for its turn, and not longer than its caller may.
        if (IsNext(change))
            Try(change);
        if (!change.IsResolved)
            Queue(change);
        Settle(state);
    }

    /// <summary>Offers the change to the store.</summary>
    private void Try(PendingChange change)
    {
        if (change.Tries == 0)
        {
            change.SentAt = _now;
        }
        else if (_now - change.SentAt > s_repeatable)
        {
            // The store may have forgotten the first try: this is another change. A set that was done after all loses to itself.
            change.Operation = NextOperation();
            change.SentAt = _now;
        }

        change.IsInFlight = true;
        change.WakeAt = long.MaxValue;
        var profile = change.Profile;
        var age = _now - change.AskedAt;

        // Clocks run apart a little; in doubt a change counts as asked for later, and wins.
        var askedAgo = TimeSpan.FromTicks(Math.Max(0, age - (age / 100) - s_doubt));
        StoreRequest request = change.Payload is { } payload && !change.MemoryOnly && profile.Life > age
            ? new WriteRequest
            {
                Key = change.State.Key,
                Operation = change.Operation,
                Payload = payload,
                Schedule = profile.ToSchedule(Math.Max(0, profile.Retention - age)) with { FreshFor = TimeSpan.FromTicks(profile.Life - age) },
                ObservedToken = change.Observed,
                IsRetry = change.Tries > 0,
                AskedAgo = askedAgo,
            }
            : new InvalidateRequest
            {
                // Also what had its time while it waited: what it would have replaced must not outlive it.
                Key = change.State.Key,
                Operation = change.Operation,
                ObservedToken = change.Observed,
                IsRetry = change.Tries > 0,
                AskedAgo = askedAgo,
                TombstoneFor = TimeSpan.FromTicks(Math.Max(profile.GenerationDeadline, _settings.Lease) + _settings.Lease),
            };
        Issue(new StoreCall { Request = request, State = change.State, Change = change, Attempt = change.Tries, IssuedAt = change.AskedAt, GapsAtIssue = change.Gaps });
    }

    private void OnChanged(StoreCall call, StoreReplied reply)
    {
        var change = call.Change!;
        change.IsInFlight = false;
        change.Tries++;
        if (change.IsFlushed)
        {
            change.IsFlushed = false;
            _flushing--;
        }

        if (reply.Answer is ChangeAnswer answer)
        {
            OnAnswered(call, change, answer);
        }
        else
        {
            change.IsInDoubt |= reply.Fault is StoreFault.Failed or StoreFault.TimedOut;
            if (!change.IsResolved)
                OnChangeFailed(change, reply);
        }

        ServeFlush();
    }

    private void OnAnswered(StoreCall call, PendingChange change, ChangeAnswer answer)
    {
        var state = change.State;

        // What this node changed after it is newer, and waits its turn; what is shown is that.
        if (answer.Accepted)
            Overtake(change, answer.Token);
        var later = Dequeue(change);
        foreach (var waiting in later ?? [])
            waiting.Observed = Math.Max(waiting.Observed, answer.Token);
        NoteToken(state, answer.Token);

        if (answer.Accepted && (change.Payload is null || change.MemoryOnly || call.Request is InvalidateRequest))
        {
            PublishRemoved(state.Key, answer.Token);
            HearRemoved(state, answer.Token);
            if (change.MemoryOnly && state.NewestHeard == answer.Token)
                Show(state, answer.Token, change.Payload!, change.AskedAt + change.Profile.Life);
        }
        else if (answer.Accepted)
        {
            var ends = change.AskedAt + change.Profile.Life;
            PublishFresh(state.Key, change.Payload!, answer, ends - _now);
            if (change.Tries > 1 && change.Life != _lives[state.Part])
            {
                // Perhaps it was done at its first try, and something newer came after it that this life knows and this node doesn't.
                Forget(state);
            }
            else if (state.NewestHeard == answer.Token)
            {
                Show(state, answer.Token, change.Payload!, ends);
                DueIn(state, answer.DueIn, owner: true);
            }
            else if (state.InMemory && state.Token < answer.Token)
            {
                // Overtaken already by something that is still being fetched; whoever made this change must not see what was before it.
                Forget(state);
            }

            WakeWaiting(state, answer.Token, state.NewestHeard == answer.Token ? change.Payload : null);
        }
        else if (change.IsInDoubt)
        {
            // Lost, perhaps to its own first try, of which nobody was told.
            NoteUnsure();
        }

        if (later is null && state is { InMemory: true, Uncommitted: true } && change.IsApplied)
        {
            // What is shown lost, or counts as older than something else by the store's order. Not what was made here after it: that is
            // newer than all that was heard then.
            if (ShowsChange(state))
            {
                state.Token = Math.Min(state.Token, answer.Token - 1);
                _earlierBases.Remove(state);
            }

            DueAgainIn(state, 0);
        }
        else if (state.IsOutdated)
        {
            DueAgainIn(state, 0);
        }

        VerifyAcrossGap(call);
        Resolve(change);
        if (_aside.Remove(change.Caller))
            _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { Accepted = answer.Accepted, Token = answer.Token });
        GoOn(state, later);
    }

    /// <summary>
    /// Whether memory shows a change itself that the store hadn't taken, and not what was made here since. Overridden only to plant a bug.
    /// </summary>
    protected virtual bool ShowsChange(KeyState state) => state.ShowsPending;

    private void OnChangeFailed(PendingChange change, StoreReplied reply)
    {
        var isWorthAnother = reply.Fault is StoreFault.Failed && !_breaker.IsOpen && change.Tries < ChangeAttempts;
        var wakeAt = _now + (s_retryDelay << change.Tries);
        if (!change.IsApplied && isWorthAnother && wakeAt < change.CallerEnds)
        {
            change.WakeAt = wakeAt;
            Queue(change);
            return;
        }

        if (!change.IsApplied)
            Defer(change, reply.Error);
        else if (change.OvertakenBy != 0)
            GiveUp(change, change.OvertakenBy);
        if (change.IsResolved)
            return;

        // While the store counts as down, its return is what wakes all that wait.
        change.WakeAt = _breaker.IsOpen ? long.MaxValue : _now + s_repairDelay;
        Queue(change);
        ReturnParked(change.State);
    }

    private void ServeChange(PendingChange change)
    {
        if (!change.IsApplied && change.CallerEnds <= _now)
            Defer(change, null);
        if (!change.IsInFlight && change.WakeAt <= _now)
        {
            change.WakeAt = long.MaxValue;
            if (change.IsApplied)
                _toFlush.Enqueue(change);
            else if (IsNext(change))
                Try(change);
        }

        if (!change.IsResolved)
            Queue(change);
        Settle(change.State);
    }

    /// <summary>The store has taken a change: earlier ones of this node count no longer, but where they are on their way.</summary>
    private void Overtake(PendingChange change, long token)
    {
        for (var open = _open.GetValueOrDefault(change.State); open is not null;)
        {
            var earlier = open;
            open = open.NextOpen;
            if (earlier.Number >= change.Number)
                continue;
            earlier.OvertakenBy = token;
            if (earlier is { IsQueued: true, IsInFlight: false })
                GiveUp(earlier, token);
        }
    }

    /// <summary>The change needs nothing more.</summary>
    private void Resolve(PendingChange change)
    {
        if (change.IsResolved)
            return;
        change.IsResolved = true;
        _deadlines.Remove(change);
        var state = change.State;
        state.Pending--;
        var open = _open[state];
        if (open != change)
        {
            while (open.NextOpen != change)
                open = open.NextOpen!;
            open.NextOpen = change.NextOpen;
        }
        else if (change.NextOpen is { } next)
        {
            _open[state] = next;
        }
        else
        {
            _open.Remove(state);
        }
    }
}
