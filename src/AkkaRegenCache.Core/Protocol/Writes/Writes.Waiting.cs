using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed partial class Writes
{
    /// <summary>So many waiting changes are sent at the same time when the store is back.</summary>
    private const int MaximumFlushing = 64;

    /// <summary>The changes of each key that wait for the store, oldest first.</summary>
    public Dictionary<KeyState, List<PendingChange>> Queues { get; } = [];

    /// <summary>Calls about a key that must not be answered before its changes have got to the store.</summary>
    public Dictionary<KeyState, List<StoreCall>> ParkedCalls { get; } = [];

    public Queue<PendingChange> ToFlush { get; } = new();

    public int Queued { get; set; }

    public int Flushing { get; set; }

    /// <summary>Sets and removals that wait for the store.</summary>
    public int PendingChanges => Queued;

    /// <summary>Sends what has waited, some at a time.</summary>
    public void ServeFlush()
    {
        while (Flushing < MaximumFlushing && !StoreGate.Breaker.IsOpen && ToFlush.TryDequeue(out var change))
        {
            if (change.IsResolved || change.IsInFlight || !IsNext(change))
                continue;
            change.IsFlushed = true;
            Flushing++;
            Try(change);
        }
    }

    /// <summary>Shows a change on this node that the store has not taken, and tells its caller so. It goes on in the background.</summary>
    private void Defer(PendingChange change, Exception? error)
    {
        var state = change.State;
        if (Queued >= Settings.MaximumPendingChanges && !change.IsQueued)
        {
            // Done or not, nobody knows: what this node shows may be old, so it shows nothing and asks the store for the next reader.
            Telling.NoteUnsure();
            Shown.Forget(state);
            state.DueAt = long.MaxValue;
            Resolve(change);
            if (Flights.Aside.Remove(change.Caller))
                Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.StoreFailed) { Error = error });
            return;
        }

        if (change.OvertakenBy != 0)
        {
            GiveUp(change, change.OvertakenBy);
            return;
        }

        if (!change.IsQueued)
            Enqueue(change);
        change.IsApplied = true;
        if (change.IsInDoubt || change.IsInFlight)
            Telling.NoteUnsure();

        // What was never sent needn't be, once a later change counts. But a set may yet lose, and the removal before it must not.
        foreach (var earlier in Queues[state].ToArray())
        {
            var isCovered = earlier.Payload is not null || change.Payload is null;
            if (earlier.Number < change.Number && isCovered && earlier is { IsInDoubt: false, IsInFlight: false })
                GiveUp(earlier, 0);
        }

        if (LastApplied(state) == change)
            Apply(change);
        if (Flights.Aside.Remove(change.Caller))
            Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = true });
    }

    private void Apply(PendingChange change)
    {
        var state = change.State;
        if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
            Flights.Seal(flight);
        if (change.Payload is { } payload)
        {
            ShowPending(change, payload);
            return;
        }

        Scheduling.Unschedule(state);
        Shown.Forget(state);

        // What another node makes at the moment may have begun before the removal.
        if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
            Flights.AskAgain(waiting);
    }

    /// <summary>Shows a value that is on its way to the store, as long as it isn't known to have lost.</summary>
    /// <returns>Whether it is shown: its time may be over.</returns>
    public bool ShowPending(PendingChange change, CachePayload payload)
    {
        var state = change.State;
        var ends = change.AskedAt + change.Profile.Life;
        if (ends <= Now)
            return false;
        state.InMemory = true;
        state.Uncommitted = true;
        state.Token = Math.Max(state.Token, change.Observed);
        state.EndsAt = ends;
        Out.Send(Peer.Memory, new Adopt(state.Key, state.Token, payload, state.Source, committed: false));
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Reading or FlightPhase.Claiming } asking)
        {
            // What the store says can't be shown now: nobody need wait for it.
            Kernel.AnswerValue(asking.TakePeekers(), payload, state.Token);
            Kernel.AnswerValue(asking.TakeWaiters(), payload, state.Token);
            asking.IsOwedARun = false;
        }

        Flights.ServeShown(state);
        return true;
    }

    private void Enqueue(PendingChange change)
    {
        if (!Queues.TryGetValue(change.State, out var queue))
            Queues.Add(change.State, queue = []);
        var at = queue.Count;
        while (at > 0 && queue[at - 1].Number > change.Number)
            at--;
        queue.Insert(at, change);
        change.IsQueued = true;
        Queued++;
    }

    /// <summary>Takes a change out of its queue.</summary>
    /// <returns>What is left of it; null: nothing.</returns>
    private List<PendingChange>? Dequeue(PendingChange change)
    {
        if (!Queues.TryGetValue(change.State, out var queue))
            return null;
        if (change.IsQueued && queue.Remove(change))
        {
            change.IsQueued = false;
            Queued--;
        }

        if (queue.Count > 0)
            return queue;
        Queues.Remove(change.State);
        return null;
    }

    /// <summary>A change of the queue is done: the next one's turn, or that of those who waited for the last.</summary>
    private void GoOn(KeyState state, List<PendingChange>? later)
    {
        if (later is { Count: > 0 })
        {
            if (LastApplied(state) is { } shown)
                Apply(shown);
            if (!later[0].IsInFlight)
                Try(later[0]);
        }
        else
        {
            SendParked(state);
        }
    }

    private void SendParked(KeyState state)
    {
        if (!ParkedCalls.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            StoreGate.Send(call);
    }

    /// <summary>A change is of no use any more: a later one of this node counts.</summary>
    /// <param name="change">The change.</param>
    /// <param name="winner">The later one's token; 0: it is pending itself.</param>
    private void GiveUp(PendingChange change, long winner)
    {
        var state = change.State;
        var later = Dequeue(change);
        if (change.IsInDoubt || change.IsInFlight)
            Telling.NoteUnsure();
        Resolve(change);
        if (Flights.Aside.Remove(change.Caller))
            Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = winner == 0, Token = winner });
        if (later is null)
        {
            SendParked(state);
        }
        else if (later[0] is { IsInFlight: false, WakeAt: long.MaxValue } next && !StoreGate.Breaker.IsOpen)
        {
            // Now it is its turn.
            next.WakeAt = Now;
            Kernel.Queue(next);
        }
    }

    /// <summary>Whether it is this change's turn.</summary>
    private bool IsNext(PendingChange change) =>
        change is { IsResolved: false, IsInFlight: false } && (!change.IsQueued || Queues[change.State][0] == change);

    /// <summary>The newest change that this node shows and the store hasn't taken; null: none.</summary>
    public PendingChange? LastApplied(KeyState state) =>
        Queues.Count > 0 && Queues.TryGetValue(state, out var queue) ? queue.FindLast(c => c is { IsApplied: true, OvertakenBy: 0 }) : null;

    public void Park(StoreCall call)
    {
        if (!ParkedCalls.TryGetValue(call.State!, out var calls))
            ParkedCalls.Add(call.State!, calls = []);
        calls.Add(call);
        Kernel.Queue(new ParkedCall(call, call.Flight?.AsksUntil ?? Now + call.Timeout));
    }

    /// <summary>It has waited for a change long enough: it goes on without the store.</summary>
    public void ServeParked(StoreCall call)
    {
        if (!ParkedCalls.TryGetValue(call.State!, out var calls) || !calls.Remove(call))
            return;
        if (calls.Count == 0)
            ParkedCalls.Remove(call.State!);
        StoreGate.NotSent.Enqueue(call);
    }

    /// <summary>The change they waited for didn't get to the store: they go on without.</summary>
    private void ReturnParked(KeyState state)
    {
        if (!ParkedCalls.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            StoreGate.NotSent.Enqueue(call);
    }

    /// <summary>The end of the patience of a call that waits behind a change.</summary>
    internal sealed class ParkedCall(StoreCall call, long until) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = until;
    }
}
