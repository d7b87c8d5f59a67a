using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class Places(Kernel kernel) : Component(kernel)
{
    public LinkedList<Flight> Line { get; } = [];

    public int Taken { get; set; }

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
