using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Callers: how they join and leave a flight, and how detached readers read beside it.</content>
internal sealed partial class Flights
{
    public void OnAsked(Waiter waiter)
    {
        // The caller left before its message was handled.
        if (waiter.HasLeft)
            return;
        SetDeadline(waiter);
        var state = Kernel.StateOf(waiter.Key);
        if (waiter.Source is { } source)
            scheduling.Learn(state, source);
        if (state.Source is { } known)
            state.ActiveUntil = Math.Max(state.ActiveUntil, Now + known.Profile.Retention);

        var changed = !state.InMemory && queues.LastApplied(state) is { Payload: { } pending } change && shown.ShowPending(change, pending)
            ? pending
            : null;
        if (state.InMemory && !waiter.IsOfNoUse(state.Token) && changed is null)
            Kernel.Answer(waiter, AnswerKind.InMemory);
        else if (changed is not null && waiter.Kind != WaiterKind.Refresh)
            Kernel.AnswerValue(waiter, changed, state.Token);
        else if (waiter.Deadline <= Now)
            Kernel.Answer(waiter, AnswerKind.TimedOut);
        else if (waiter.Kind == WaiterKind.Refresh)
            AskRefresh(state, waiter);
        else if (waiter.Kind == WaiterKind.Peek)
            AskPeek(state, waiter);
        else if (state.Flight is { Why: not ClaimReason.Miss })
            Peek(state, waiter);
        else
            JoinOrStart(state, waiter);

        Kernel.Settle(state);
    }

    /// <summary>A caller's deadline counts from its first call, even if it has to ask again.</summary>
    private void SetDeadline(Waiter waiter)
    {
        var timeout = waiter.Profile.HardTimeout;
        if (waiter.Deadline == 0)
            waiter.Deadline = timeout == long.MaxValue ? long.MaxValue : Now + timeout;
    }

    private void AskRefresh(KeyState state, Waiter waiter)
    {
        // A removal may make the node forget the generator, but this caller still has it.
        waiter.Source ??= state.Source;
        if (waiter.Source is null)
        {
            Kernel.Answer(waiter, AnswerKind.NoGenerator);
        }
        else if (state.Flight is { } flight)
        {
            AddLater(flight, waiter);
        }
        else
        {
            Join(Start(state, ClaimReason.Refresh, waiter.Unreadable), waiter);
        }
    }

    private void AskPeek(KeyState state, Waiter waiter)
    {
        if (state.Flight is { Phase: FlightPhase.Reading } flight)
            Join(flight, waiter);
        else
            Peek(state, waiter);
    }

    /// <summary>
    /// Reads the store beside the key's flight, which may take long: for a detached reader, or for the callers of a superseded flight.
    /// </summary>
    public void Peek(KeyState state, Waiter? waiter)
    {
        if (waiter is not null)
            DetachedReaders.Add(waiter, WatchDetachedReader(waiter));
        storeGate.Issue(new StorePeekCall(state.Key) { State = state, Peeker = waiter });
    }

    /// <summary>A detached reader has a deadline, too. Callers of changes are covered by the change's own deadline.</summary>
    private DetachedReaderEnds? WatchDetachedReader(Waiter waiter)
    {
        if (waiter.Deadline == long.MaxValue)
            return null;
        var ends = new DetachedReaderEnds(waiter);
        Kernel.Queue(ends);
        return ends;
    }

    /// <summary>Takes a detached reader back. False: it was answered already, or has left.</summary>
    private bool TakeBackDetached(Waiter waiter)
    {
        if (!DetachedReaders.Remove(waiter, out var ends))
            return false;
        if (ends is not null)
            Kernel.Deadlines.Remove(ends);
        return true;
    }

    public void ServeDetachedReader(Waiter waiter)
    {
        if (DetachedReaders.Remove(waiter))
            Kernel.Answer(waiter, AnswerKind.TimedOut);
    }

    public void OnPeeked(StorePeekCall call, ReadAnswer? answer)
    {
        var peeker = call.Peeker;
        if (peeker is not null && !TakeBackDetached(peeker))
            return;
        var record = answer?.Record;
        if (answer is not null && IsOutdatedAnswer(call, record?.Token ?? 0))
        {
            Peek(call.State!, peeker);
        }
        else if (record is { IsRemoved: false })
        {
            var (token, dueAt) = (call.State!.Token, call.State.DueAt);
            records.Take(call, record);

            // The store has nothing new. The due time stays, so that an overdue record does not make the node ask again at once.
            if (peeker is null && call.State.Token == token && dueAt != long.MaxValue)
                call.State.DueAt = dueAt;
            Kernel.AnswerValue(peeker, record.Payload!, record.Token);
        }
        else if (peeker is null)
        {
            // The value shown meanwhile may be older than a removal.
            if (record is not null && record.Token > call.State!.Token)
                records.HearRemoved(call.State, record.Token);
        }
        else if (peeker is { Kind: WaiterKind.Get, HasLeft: false })
        {
            JoinOrStart(call.State!, peeker);
        }
        else if (peeker is { Kind: WaiterKind.Peek })
        {
            Kernel.Answer(peeker, AnswerKind.Missing);
        }
    }

    public void OnLeft(Waiter waiter)
    {
        waiter.HasLeft = true;
        if (waiter.Flight is not { } flight)
        {
            TakeBackDetached(waiter);
            return;
        }

        flight.Remove(waiter);
        if (flight.IsUnwanted && !flight.IsAbandoning)
            Abandon(flight);
        Kernel.Settle(flight.State);
    }

    /// <summary>The deadline of a detached reader.</summary>
    internal sealed class DetachedReaderEnds(Waiter waiter) : Timed
    {
        public Waiter Waiter { get; } = waiter;

        public override long NextDeadline => Waiter.Deadline;
    }
}
