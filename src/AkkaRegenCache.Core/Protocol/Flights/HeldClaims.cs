using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The claims under which generators run here: renewed in one batch every third of a lease.</summary>
internal sealed class HeldClaims(Kernel kernel, StoreGate storeGate) : Component(kernel)
{
    public List<Flight> Held { get; } = [];

    public long RenewAt { get; private set; } = long.MaxValue;

    public void Hold(Flight flight)
    {
        flight.HeldIndex = Held.Count;
        Held.Add(flight);
        if (RenewAt == long.MaxValue)
            RenewAt = Now + (Settings.Lease / 3);
    }

    public void Unhold(Flight flight)
    {
        if (flight.HeldIndex < 0)
            return;
        var last = Held[^1];
        Held[flight.HeldIndex] = last;
        last.HeldIndex = flight.HeldIndex;
        Held.RemoveAt(Held.Count - 1);
        flight.HeldIndex = -1;
    }

    /// <summary>The store is back: which of the claims still hold is unknown.</summary>
    public void OnStoreBack()
    {
        if (Held.Count > 0)
            RenewAt = Now;
    }

    /// <summary>Renews all claims of this node in one batch, every third of a lease.</summary>
    public void ServeRenewals()
    {
        if (RenewAt > Now)
            return;
        if (Held.Count == 0)
        {
            RenewAt = long.MaxValue;
            return;
        }

        RenewAt = Now + (Settings.Lease / 3);
        Renew();
    }

    private void Renew()
    {
        if (Kernel.Omits(Step.Renew))
            return;
        foreach (var flights in Held.GroupBy(f => f.State.Partition).Select(g => g.ToArray()).ToArray())
        {
            storeGate.Send(new RenewCall
            {
                Claims = Array.ConvertAll(flights, f => new HeldClaim(f.State.Key, f.Token)),
                Lease = TimeSpan.FromTicks(Settings.Lease),
                Flights = flights,
                Partition = flights[0].State.Partition,
                IssuedAt = Now,
            });
        }
    }

    public void OnRenewed(RenewCall call, RenewAnswer? answer)
    {
        if (answer is null)
            return;
        for (var i = 0; i < answer.Outcomes.Count; i++)
        {
            var flight = call.Flights[i];
            if (answer.Outcomes[i] == RenewOutcome.Held)
            {
                flight.LeaseEnds = call.IssuedAt + Settings.Lease;
            }
            else if (answer.Outcomes[i] == RenewOutcome.Lost
                && flight is { IsEnded: false, IsSuperseded: false, Phase: FlightPhase.Running, HeldIndex: >= 0 })
            {
                Kernel.Post(new Fact(FactKind.ClaimLost) { State = flight.State, Flight = flight });
            }
        }
    }
}
