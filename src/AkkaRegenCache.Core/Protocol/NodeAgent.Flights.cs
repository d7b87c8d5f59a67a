using System.Runtime.InteropServices;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>The life of a flight: its beginning, its sealing, its deadlines, its end.</content>
internal partial class NodeAgent
{
    private const int ClaimAttempts = 2;

    /// <summary>How many claims of others that end without a value a flight waits for.</summary>
    private const int MaximumRounds = 3;

    /// <summary>How often a claim held by this very node is asked for again before it is taken for an orphan.</summary>
    private const int OwnClaimPatience = 3;

    private static readonly long s_retryDelay = TimeSpan.FromMilliseconds(50).Ticks;

    /// <summary>How soon something that failed for want of the store is tried again.</summary>
    private static readonly long s_repairDelay = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>A change has overtaken a running flight: no caller joins it any more. Overridden only to plant a bug.</summary>
    protected virtual void Seal(Flight flight)
    {
        flight.IsSealed = true;
        Unhold(flight);
        if (flight.State.Flight != flight)
            return;
        flight.State.Flight = null;
        flight.State.Pending++;
        flight.IsDetached = true;
        CollectionsMarshal.GetValueRefOrAddDefault(_detached, flight.State, out _) ??= [];
        _detached[flight.State].Add(flight);
        AskTogether(flight.State, flight.TakeLater(), observed: 0);
    }

    /// <summary>
    /// Memory shows something newer than what sealed flights make: their callers needn't wait any longer, and what nobody waits for
    /// needn't be made.
    /// </summary>
    private void ServeShown(KeyState state)
    {
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Waiting or FlightPhase.Running, Waiters: not null } joined)
        {
            // Found beside the flight: its callers have what they came for, and a regeneration goes on without them.
            Answer(joined.TakeWaiters(), AnswerKind.InMemory);
            if (joined.Phase == FlightPhase.Waiting && joined.IsUnwanted)
                End(joined);
            else
                joined.KeepsGoing = true;
        }

        if (_detached.Count == 0 || !_detached.TryGetValue(state, out var flights))
            return;
        foreach (var flight in flights.ToArray())
        {
            // Without the store, or in another life of it, a refresh can't tell whether what is shown is newer than its call; and a set may have been done
            // before it.
            var isComparable = !flight.IsLocal && !state.Uncommitted && flight.Life == _lives[state.Part];
            if (flight.Why == ClaimReason.Refresh && !(isComparable && state.Token >= flight.Token))
                continue;
            Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            if (flight.Phase != FlightPhase.Running)
                continue;
            Cancel(flight, hung: false);
            End(flight);
        }
    }

    private Flight Start(KeyState state, ClaimReason why, long observed = 0)
    {
        var flight = new Flight(state, why) { Observed = observed };
        state.Flight = flight;
        if (why == ClaimReason.Miss)
            Read(flight);
        else
            Claim(flight);
        return flight;
    }

    private void ServeFlight(Flight flight)
    {
        if (flight.WaiterDeadline <= _now)
        {
            // The caller's patience has ended, not its interest: the work goes on and its result is stored. One that has left since has neither.
            var isOwedARun = flight.Waiters is not null;
            if (flight.TakeWhere(static (w, now) => w.Deadline <= now, _now) is { } late)
            {
                flight.KeepsGoing = true;
                flight.IsOwedARun |= isOwedARun;
                Answer(late, AnswerKind.TimedOut);
            }
        }

        ServeWaitProbe(flight);
        if (flight.Phase == FlightPhase.Waiting && flight.WakeAt <= _now)
        {
            flight.Orphan = OrphanOf(flight);
            flight.HeardNothing = flight.Orphan is null;
            if (flight.IsUnwanted)
            {
                TellAwaitEnded(flight);
                End(flight);
            }
            else
            {
                Claim(flight);
            }
        }
        else if (flight.Phase == FlightPhase.Running && flight.RunEnds <= _now)
        {
            Cancel(flight, hung: true);
            FinishFailed(flight, GenerationFailure.From(new TimeoutException($"The generator of '{flight.State.Key}' ran past its deadline.")), AnswerKind.DeadlinePassed);
        }

        if (!flight.IsEnded)
            Queue(flight);
        Settle(flight.State);
    }

    /// <summary>Ends a flight.</summary>
    /// <param name="flight">The flight.</param>
    /// <param name="again">After how long the store is asked again for what is known to be newer than what is shown.</param>
    private void End(Flight flight, long again = 0)
    {
        var state = flight.State;
        flight.IsEnded = true;
        _deadlines.Remove(flight);
        Unhold(flight);
        GivePlaceBack(flight);
        if (state.Flight == flight)
            state.Flight = null;
        Answer(flight.TakePeekers(), AnswerKind.Missing);
        if (flight.IsDetached)
        {
            state.Pending--;
            if (_detached[state] is { Count: > 1 } others)
                others.Remove(flight);
            else
                _detached.Remove(state);
        }

        if (flight.IsBackground)
            _background--;

        if (flight.TakeLater() is { } later)
            AskTogether(state, later, observed: 0);
        else if (state.IsOutdated && state.Flight is null)
        {
            DueAgainIn(state, IsUnreachable(state) ? s_repairDelay : again);
        }

        // Whether the key goes is settled at the end of the step: what ended this flight may begin the next.
        Queue(state);
    }
}
