using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// The bound on generators that callers wait for. A flight takes a place before it claims, so that another node can make the value while
/// the flight waits. Without a free place the flight waits in a queue; when the queue is full, its callers get an error at once.
/// </summary>
/// <remarks>
/// These need no place: background runs, which have a bound of their own; calls inside a generator, which would wait for the place of their
/// own caller; and questions about another node's claim, which usually bring its value. If such a question is granted the claim and no
/// place is free, the claim is released.
/// </remarks>
internal sealed class Places(Kernel kernel) : Component(kernel)
{
    public LinkedList<Flight> Line { get; } = [];

    public int Taken { get; set; }

    /// <summary>Whether the next flight that asks for a place gets one.</summary>
    public bool HasRoom => Taken < Settings.MaximumForeground && Line.Count == 0;

    private static bool NeedsNoPlace(Flight flight) => flight.IsBackground || flight.IsNested || flight.HasPlace;

    /// <summary>Takes a place for a flight that may generate, or puts the flight into the queue.</summary>
    /// <returns>Whether the flight may go on.</returns>
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

    /// <summary>The flight does not generate any more, or waits for another node.</summary>
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
