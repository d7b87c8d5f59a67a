using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Pending changes.</content>
internal sealed partial class Writes
{
    /// <summary>The most pending changes that are sent at the same time when the store is back.</summary>
    private const int MaximumFlushing = 64;

    private readonly Queue<PendingChange> _toFlush = new();

    private int _flushing;

    /// <summary>The number of changes under way after an outage.</summary>
    public int Flushing => _flushing;

    /// <summary>The store is back, or the node leaves: sends all pending changes.</summary>
    public void FlushAll()
    {
        foreach (var first in queues.First())
            _toFlush.Enqueue(first);
    }

    /// <summary>Sends pending changes, a few at a time.</summary>
    public void ServeFlush()
    {
        while (_flushing < MaximumFlushing && !storeGate.Breaker.IsOpen && _toFlush.TryDequeue(out var change))
        {
            if (change.IsResolved || change.IsInFlight || !queues.IsNext(change))
                continue;
            change.IsFlushed = true;
            _flushing++;
            Try(change);
        }
    }

    /// <summary>
    /// Shows a change that the store has not accepted, and tells its caller that it is pending. It is delivered in the background.
    /// </summary>
    private void Defer(PendingChange change, Exception? error)
    {
        var state = change.State;
        if (queues.Count >= Settings.MaximumPendingChanges && !change.IsQueued)
        {
            // Whether it was done is unknown, so the shown value may be old: nothing is shown, and the next reader asks the store.
            publishing.NoteUnsure();
            shown.Forget(state);
            state.DueAt = long.MaxValue;
            Resolve(change);
            if (flights.DetachedReaders.Remove(change.Caller))
                Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.StoreFailed) { Error = error });
            return;
        }

        if (change.SupersededBy != 0)
        {
            GiveUp(change, change.SupersededBy);
            return;
        }

        if (!change.IsQueued)
            queues.Enqueue(change);
        change.IsApplied = true;
        if (change.IsInDoubt || change.IsInFlight)
            publishing.NoteUnsure();

        // An earlier change that was never sent need not be sent, once a later one counts. But a set may still be superseded, and then the
        // removal before it must count.
        foreach (var earlier in queues.Of(state)!.ToArray())
        {
            var isCovered = earlier.Payload is not null || change.Payload is null;
            if (earlier.Number < change.Number && isCovered && earlier is { IsInDoubt: false, IsInFlight: false })
                GiveUp(earlier, 0);
        }

        if (queues.LastApplied(state) == change)
            Apply(change);
        if (flights.DetachedReaders.Remove(change.Caller))
            Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = true });
    }

    private void Apply(PendingChange change)
    {
        var state = change.State;
        if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
            flights.Supersede(flight);
        if (change.Payload is { } payload)
        {
            shown.ShowPending(change, payload);
            return;
        }

        scheduling.Unschedule(state);
        shown.Forget(state);

        // The run of another node may have begun before the removal.
        if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
            flights.AskAgain(waiting);
    }

    /// <summary>A change at the head of the queue is done: the next one is sent, or the calls deferred behind the last one.</summary>
    private void GoOn(KeyState state, List<PendingChange>? later)
    {
        if (later is { Count: > 0 })
        {
            // A value made here after the last of them was shown is newer.
            if (queues.LastApplied(state) is { } applied && (!state.InMemory || shown.ShowsChange(state)))
                Apply(applied);
            if (!later[0].IsInFlight)
                Try(later[0]);
        }
        else
        {
            storeGate.LetGo(state);
        }
    }

    /// <summary>A change is not needed any more: a later one of this node counts.</summary>
    /// <param name="change">The change.</param>
    /// <param name="winner">The later one's token; 0: it is pending, too.</param>
    private void GiveUp(PendingChange change, long winner)
    {
        var state = change.State;
        var later = queues.Dequeue(change);
        if (change.IsInDoubt || change.IsInFlight)
            publishing.NoteUnsure();
        Resolve(change);
        if (flights.DetachedReaders.Remove(change.Caller))
            Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = winner == 0, Token = winner });
        if (later is null)
        {
            storeGate.LetGo(state);
        }
        else if (later[0] is { IsInFlight: false, WakeAt: long.MaxValue } next && !storeGate.Breaker.IsOpen)
        {
            next.WakeAt = Now;
            Kernel.Queue(next);
        }
    }
}
