using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Changes that wait for the store.</content>
internal sealed partial class Writes
{
    /// <summary>So many waiting changes are sent at the same time when the store is back.</summary>
    private const int MaximumFlushing = 64;

    private readonly Queue<PendingChange> _toFlush = new();

    private int _flushing;

    /// <summary>Sets and removals that are on their way after an outage.</summary>
    public int Flushing => _flushing;

    /// <summary>The store is back, or this is the last chance: all that waits is sent.</summary>
    public void FlushAll()
    {
        foreach (var first in queues.First())
            _toFlush.Enqueue(first);
    }

    /// <summary>Sends what has waited, some at a time.</summary>
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

    /// <summary>Shows a change on this node that the store has not taken, and tells its caller so. It goes on in the background.</summary>
    private void Defer(PendingChange change, Exception? error)
    {
        var state = change.State;
        if (queues.Count >= Settings.MaximumPendingChanges && !change.IsQueued)
        {
            // Done or not, nobody knows: what this node shows may be old, so it shows nothing and asks the store for the next reader.
            publishing.NoteUnsure();
            shown.Forget(state);
            state.DueAt = long.MaxValue;
            Resolve(change);
            if (flights.DetachedReaders.Remove(change.Caller))
                Out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.StoreFailed) { Error = error });
            return;
        }

        if (change.OvertakenBy != 0)
        {
            GiveUp(change, change.OvertakenBy);
            return;
        }

        if (!change.IsQueued)
            queues.Enqueue(change);
        change.IsApplied = true;
        if (change.IsInDoubt || change.IsInFlight)
            publishing.NoteUnsure();

        // What was never sent needn't be, once a later change counts. But a set may yet lose, and the removal before it must not.
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

        // What another node makes at the moment may have begun before the removal.
        if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
            flights.AskAgain(waiting);
    }

    /// <summary>A change of the queue is done: the next one's turn, or that of those who waited for the last.</summary>
    private void GoOn(KeyState state, List<PendingChange>? later)
    {
        if (later is { Count: > 0 })
        {
            // What was made here since the last of them was shown is newer.
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

    /// <summary>A change is of no use any more: a later one of this node counts.</summary>
    /// <param name="change">The change.</param>
    /// <param name="winner">The later one's token; 0: it is pending itself.</param>
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
            // Now it is its turn.
            next.WakeAt = Now;
            Kernel.Queue(next);
        }
    }
}
