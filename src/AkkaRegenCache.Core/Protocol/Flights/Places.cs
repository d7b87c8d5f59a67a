using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// The bound on generations that callers wait for. A flight takes a place before it claims, so that a key which must wait its turn here can be made elsewhere
/// meanwhile; where there is none it stands in a line, and who comes when the line is full gets an error at once.
/// </summary>
/// <remarks>
/// Without a place go on: regenerations in the background, which have a bound of their own; calls from within a generator, whose own place would else be
/// waited for in a circle; and questions about another node's claim, which as a rule bring its value. Should such a question be answered with the right to
/// generate and no place is free, that right is given back.
/// </remarks>
internal sealed class Places(Kernel kernel) : Component(kernel)
{
    public LinkedList<Flight> Line { get; } = [];

    public int Taken { get; set; }

    /// <summary>Whether the next flight that asks for a place gets one.</summary>
    public bool HasRoom => Taken < Settings.MaximumForeground && Line.Count == 0;

    private static bool NeedsNoPlace(Flight flight) => flight.IsBackground || flight.IsNested || flight.HasPlace;

    /// <summary>Takes a place for a flight that may be about to generate. Where there is none it waits in the line.</summary>
    /// <returns>Whether it may go on.</returns>
    public bool TakePlace(Flight flight)
    {
        if (NeedsNoPlace(flight) || Kernel.Omits(Step.TakePlace))
            return true;
        if (Taken < Settings.MaximumForeground && (Line.Count == 0 || flight.InLine is not null))
        {
            LeaveLine(flight);
            flight.HasPlace = true;
            Taken++;
            return true;
        }

        flight.InLine ??= Line.AddLast(flight);
        flight.Phase = FlightPhase.Waiting;
        flight.WakeAt = long.MaxValue;
        flight.AsksUntil = 0;
        return false;
    }

    /// <summary>The flight generates no more, or waits for another node.</summary>
    public void GivePlaceBack(Flight flight)
    {
        if (Kernel.Omits(Step.GivePlaceBack, flight))
            return;
        LeaveLine(flight);
        if (!flight.HasPlace)
            return;
        flight.HasPlace = false;
        Taken--;
    }

    public void LeaveLine(Flight flight)
    {
        if (flight.InLine is not { } place)
            return;
        Line.Remove(place);
        flight.InLine = null;
    }
}
