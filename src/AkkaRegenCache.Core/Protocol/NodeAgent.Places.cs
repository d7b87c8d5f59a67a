using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <content>
/// The bound on generations that callers wait for. A flight takes a place before it claims, so that a key which must wait its turn here can be made elsewhere
/// meanwhile; where there is none it stands in a line, and who comes when the line is full gets an error at once.
/// </content>
/// <remarks>
/// Without a place go on: regenerations in the background, which have a bound of their own; calls from within a generator, whose own place would else be
/// waited for in a circle; and questions about another node's claim, which as a rule bring its value. Should such a question be answered with the right to
/// generate and no place is free, that right is given back.
/// </remarks>
internal partial class NodeAgent
{
    private readonly LinkedList<Flight> _line = [];
    private int _places;

    /// <summary>Generators that run for callers, for the simulator's checks: counted, and not what the places say.</summary>
    internal int ForegroundRuns => _runs.Values.Count(flight => flight is { IsBackground: false, IsNested: false });

    private static bool NeedsNoPlace(Flight flight) => flight.IsBackground || flight.IsNested || flight.HasPlace;

    /// <summary>Takes a place for a flight that may be about to generate. Where there is none it waits in the line. Overridden only to plant a bug.</summary>
    /// <returns>Whether it may go on.</returns>
    protected virtual bool TakePlace(Flight flight)
    {
        if (NeedsNoPlace(flight))
            return true;
        if (_places < _settings.MaximumForeground && (_line.Count == 0 || flight.InLine is not null))
        {
            LeaveLine(flight);
            flight.HasPlace = true;
            _places++;
            return true;
        }

        flight.InLine ??= _line.AddLast(flight);
        flight.Phase = FlightPhase.Waiting;
        flight.WakeAt = long.MaxValue;
        flight.AsksUntil = 0;
        return false;
    }

    /// <summary>The flight generates no more, or waits for another node. Overridden only to plant a bug.</summary>
    protected virtual void GivePlaceBack(Flight flight)
    {
        LeaveLine(flight);
        if (!flight.HasPlace)
            return;
        flight.HasPlace = false;
        _places--;
    }

    /// <summary>A claim was granted to a flight that had asked without a place.</summary>
    private void ReturnClaim(Flight flight)
    {
        Release(flight, null);
        PublishEnd(NotificationKind.Released, flight);
        flight.Token = flight.Awaited = 0;
        flight.AwaitedHolder = "";
    }

    /// <summary>A call from within a generator has joined: it waits for nobody's place.</summary>
    private void GoOnNested(Flight flight)
    {
        flight.IsNested = true;
        ProbeForNested(flight);
        if (flight.InLine is null)
            return;
        LeaveLine(flight);
        if (flight.Phase == FlightPhase.Waiting)
            Claim(flight);
    }

    private void ServeLine()
    {
        while (_places < _settings.MaximumForeground && _line.First is { Value: var next })
        {
            LeaveLine(next);
            if (next.IsUnwanted)
            {
                EndInLine(next);
                continue;
            }

            next.HasPlace = true;
            _places++;

            // One that was woken meanwhile is on its way already.
            if (next.Phase == FlightPhase.Waiting)
                Claim(next);
            Settle(next.State);
        }

        while (_line.Count > _settings.MaximumQueued && _line.Last is { Value: var last })
        {
            LeaveLine(last);
            Answer(last.TakeWaiters(), AnswerKind.Overloaded);
            EndInLine(last);
        }
    }

    private void EndInLine(Flight flight)
    {
        if (flight.Phase == FlightPhase.Waiting)
            End(flight);
        Settle(flight.State);
    }

    private void LeaveLine(Flight flight)
    {
        if (flight.InLine is not { } place)
            return;
        _line.Remove(place);
        flight.InLine = null;
    }
}
