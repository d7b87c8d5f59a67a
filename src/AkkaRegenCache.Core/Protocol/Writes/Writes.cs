using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Sets and removals: sent to the store, and, if it does not answer in time, shown here and delivered later.</summary>
/// <remarks>
/// A change begins as one call. If the store does not answer before the caller's deadline, the node shows the change and tells its caller
/// that it is pending; it waits in its key's queue until the store is back. A later change of the same key replaces an earlier one that was
/// never sent. A change of which it is unknown whether it was done appears to other nodes as a gap. This file has the changes under way,
/// <c>.Waiting</c> the pending ones. /// </remarks>
internal sealed partial class Writes(
    Kernel kernel,
    StoreGate storeGate,
    ChangeQueues queues,
    Publishing publishing,
    Shown shown,
    Scheduling scheduling,
    Records records,
    Flights flights) : Component(kernel)
{
    private const int ChangeAttempts = 4;

    private static readonly long s_doubt = TimeSpan.FromMilliseconds(10).Ticks;

    /// <summary>The assumed clock drift, as 1 / this: 0.25 %. NTP slews by 0.05 % at most.</summary>
    private const int ClockSlack = 400;

    /// <summary>The unresolved changes of each key, latest first.</summary>
    private readonly Dictionary<KeyState, PendingChange> _open = [];

    private long _changes;

    public void OnChange(ChangeRequested asked)
    {
        var state = Kernel.StateOf(asked.Caller.Key);
        var change = new PendingChange(state, asked)
        {
            Number = ++_changes,
            Operation = Kernel.NextOperation(),
            Observed = Math.Max(state.NewestHeard, state.Token),
            AskedAt = Now,
            CallerEnds = Now + Settings.WriteTimeout,
            Gaps = Kernel.Gaps,
            Epoch = Kernel.Epochs[state.Partition],
        };
        state.Pending++;
        change.NextOpen = _open.GetValueOrDefault(state);
        _open[state] = change;
        flights.DetachedReaders.Add(asked.Caller, null);
        if (queues.Of(state) is not null)
            queues.Enqueue(change);
        if (change.Profile.BackgroundWrites ? queues.Count < Settings.MaximumPendingChanges : change.IsQueued && storeGate.Breaker.IsOpen)
            Defer(change, null);

        // Behind another change it waits for its turn, but not longer than its caller.
        if (queues.IsNext(change))
            Try(change);
        if (!change.IsResolved)
            Kernel.Queue(change);
        Kernel.Settle(state);
    }

    /// <summary>Sends the change to the store.</summary>
    private void Try(PendingChange change)
    {
        if (change.Tries == 0)
        {
            change.SentAt = Now;
        }
        else if (Now - change.SentAt > StoreGate.Repeatable)
        {
            // The store may have forgotten the first try, so this is a new change to it. If the first try was done, this one is superseded
            // by any later change, except within the slack below.
            change.Operation = Kernel.NextOperation();
            change.SentAt = Now;
        }

        change.IsInFlight = true;
        change.WakeAt = long.MaxValue;
        var profile = change.Profile;
        var age = Now - change.AskedAt;

        // Clocks drift. In doubt the change counts as the later one and wins: replacing a set of the same moment is better than losing to a
        // generation that began before it.
        var askedAgo = TimeSpan.FromTicks(Math.Max(0, age - (age / ClockSlack) - s_doubt));
        var (state, tries, asked, gaps) = (change.State, change.Tries, change.AskedAt, change.Gaps);
        if (change.Payload is { } payload && !change.MemoryOnly && profile.Lifetime > age)
        {
            var write = new WriteRequest
            {
                Key = change.State.Key,
                Operation = change.Operation,
                Payload = payload,
                Schedule = profile.ToSchedule(Math.Max(0, profile.Retention - age))
                    with { FreshFor = TimeSpan.FromTicks(profile.Lifetime - age) },
                ObservedToken = change.Observed,
                IsRetry = change.Tries > 0,
                AskedAgo = askedAgo,
            };
            storeGate.Issue(new WriteCall(change, write) { State = state, Attempt = tries, IssuedAt = asked, GapsAtIssue = gaps });
        }
        else
        {
            var invalidate = new InvalidateRequest
            {
                // Also for a value that expired while it was pending: the value that it replaces must not outlive it.
                Key = change.State.Key,
                Operation = change.Operation,
                ObservedToken = change.Observed,
                IsRetry = change.Tries > 0,
                AskedAgo = askedAgo,
                TombstoneFor = TimeSpan.FromTicks(Math.Max(profile.GenerationDeadline, Settings.Lease) + Settings.Lease),
            };
            storeGate.Issue(new InvalidateCall(change, invalidate) { State = state, Attempt = tries, IssuedAt = asked,
                GapsAtIssue = gaps });
        }
    }

    public void OnChanged(StoreChangeCall call, StoreReplied reply)
    {
        var change = call.Change;
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

    private void OnAnswered(StoreChangeCall call, PendingChange change, ChangeAnswer answer)
    {
        var state = change.State;

        // A later change of this node is newer and is the shown one.
        if (answer.Accepted)
            SupersedeEarlier(change, answer.Token);
        var later = queues.Dequeue(change);
        foreach (var waiting in later ?? [])
            waiting.Observed = Math.Max(waiting.Observed, answer.Token);
        shown.NoteToken(state, answer.Token);

        if (answer.Accepted && (change.Payload is null || change.MemoryOnly || call is InvalidateCall))
        {
            publishing.PublishRemoved(state.Key, answer.Token);
            records.HearRemoved(state, answer.Token);
            if (change.MemoryOnly && state.NewestHeard == answer.Token)
                shown.Show(state, answer.Token, change.Payload!, change.AskedAt + change.Profile.Lifetime);
        }
        else if (answer.Accepted)
        {
            var ends = change.AskedAt + change.Profile.Lifetime;
            publishing.PublishFresh(state.Key, change.Payload!, answer, ends - Now);
            if (change.Tries > 1 && change.Epoch != Kernel.Epochs[state.Partition])
            {
                // The first try may have been done, and something newer accepted after it that this node does not know. Not newer than a
                // value made here since.
                if (!state.Uncommitted || shown.ShowsChange(state) || state.Token < answer.Token)
                    shown.Forget(state);
            }
            else if (state.NewestHeard == answer.Token)
            {
                shown.Show(state, answer.Token, change.Payload!, ends);
                scheduling.DueIn(state, answer.DueIn, owner: true);
            }
            else if (state.InMemory && state.Token < answer.Token)
            {
                // Superseded already by something that is being fetched. The caller of this change must not see the value from before it.
                shown.Forget(state);
            }

            Kernel.Post(new Fact(FactKind.WaitOver) { State = state, Token = answer.Token,
                Payload = state.NewestHeard == answer.Token ? change.Payload : null });
        }
        else if (change.IsInDoubt)
        {
            // Superseded, perhaps by its own first try, which was not published.
            publishing.NoteUnsure();
        }

        if (later is null && state is { InMemory: true, Uncommitted: true } && change.IsApplied)
        {
            // The shown change was superseded, or is older in the store's order. A value made here after it is newer than everything
            // received then.
            if (shown.ShowsChange(state))
            {
                state.Token = Math.Min(state.Token, answer.Token - 1);
                Kernel.EarlierBases.Remove(state);
            }

            scheduling.DueAgainIn(state, 0);
        }
        else if (state.IsOutdated)
        {
            scheduling.DueAgainIn(state, 0);
        }

        flights.VerifyAcrossGap(call);
        Resolve(change);
        if (flights.DetachedReaders.Remove(change.Caller))
            Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { Accepted = answer.Accepted, Token = answer.Token });
        GoOn(state, later);
    }

    private void OnChangeFailed(PendingChange change, StoreReplied reply)
    {
        var isWorthAnother = reply.Fault is StoreFault.Failed && !storeGate.Breaker.IsOpen && change.Tries < ChangeAttempts;
        var wakeAt = Now + (Delays.Retry << change.Tries);
        if (!change.IsApplied && isWorthAnother && wakeAt < change.CallerEnds)
        {
            change.WakeAt = wakeAt;
            Kernel.Queue(change);
            return;
        }

        if (!change.IsApplied)
            Defer(change, reply.Error);
        else if (change.SupersededBy != 0)
            GiveUp(change, change.SupersededBy);
        if (change.IsResolved)
            return;

        // While the breaker is open, pending changes are sent when the store is back.
        change.WakeAt = storeGate.Breaker.IsOpen ? long.MaxValue : Now + Delays.Repair;
        Kernel.Queue(change);
        storeGate.GiveBack(change.State);
    }

    public void ServeChange(PendingChange change)
    {
        if (!change.IsApplied && change.CallerEnds <= Now)
            Defer(change, null);
        if (!change.IsInFlight && change.WakeAt <= Now)
        {
            change.WakeAt = long.MaxValue;
            if (change.IsApplied)
                _toFlush.Enqueue(change);
            else if (queues.IsNext(change))
                Try(change);
        }

        if (!change.IsResolved)
            Kernel.Queue(change);
        Kernel.Settle(change.State);
    }

    /// <summary>The store has accepted a change: earlier ones of this node are superseded, except those under way.</summary>
    private void SupersedeEarlier(PendingChange change, long token)
    {
        for (var open = _open.GetValueOrDefault(change.State); open is not null;)
        {
            var earlier = open;
            open = open.NextOpen;
            if (earlier.Number >= change.Number)
                continue;
            earlier.SupersededBy = token;
            if (earlier is { IsQueued: true, IsInFlight: false })
                GiveUp(earlier, token);
        }
    }

    /// <summary>
    /// A partition of the store began a new epoch, so tokens don't tell which change is newer. Removals win. Sets win unless the store, by
    /// its clock, has something newer.
    /// </summary>
    public void OnEpochBegan(int partition)
    {
        foreach (var latest in _open.Values)
        {
            for (var change = latest; change is not null && change.State.Partition == partition; change = change.NextOpen)
                change.Observed = change.Payload is null ? long.MaxValue : 0;
        }
    }

    /// <summary>The change has ended.</summary>
    private void Resolve(PendingChange change)
    {
        if (change.IsResolved)
            return;
        change.IsResolved = true;
        Kernel.Deadlines.Remove(change);
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
