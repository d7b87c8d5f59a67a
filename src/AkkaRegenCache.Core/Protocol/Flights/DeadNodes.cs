namespace AkkaRegenCache.Protocol;

/// <summary>
/// Nodes believed dead. What they held stands in the store for a lease at the most; whoever waits for such a claim may take it over, once for each claim, which is safe also if
/// the node lives: its commit is refused then.
/// </summary>
internal sealed class DeadNodes(Kernel kernel) : Component(kernel)
{
    /// <summary>How much longer than for a coordinator's word a node waits at least, and at most twice as long, before it takes a dead node's claim over.</summary>
    private static readonly long s_orphanDelay = TimeSpan.FromMilliseconds(100).Ticks;

    /// <summary>For how long what a dead node has said may still come in.</summary>
    public static readonly long LateMessages = TimeSpan.FromMilliseconds(300).Ticks;

    /// <summary>Nodes believed dead, and since when: what they held stands in the store for a lease at the most.</summary>
    public Dictionary<string, long> Dead { get; } = new(StringComparer.Ordinal);

    /// <summary>The claim that a flight waits for is a dead node's: it asks soon, once for each claim.</summary>
    public void WakeForOrphan(Flight flight)
    {
        if (MayTakeOver(flight))
            flight.WakeAt = Math.Min(flight.WakeAt, Now + s_orphanDelay + Kernel.Random(s_orphanDelay));
    }

    /// <summary>Whose claim a flight that asks now may take over; null: nobody's.</summary>
    public string? OrphanOf(Flight flight)
    {
        if (!MayTakeOver(flight))
            return null;
        flight.TriedOrphan = flight.Awaited;
        return flight.AwaitedHolder;
    }

    private bool MayTakeOver(Flight flight) => Dead.Count > 0 && flight.TriedOrphan != flight.Awaited
        && Dead.TryGetValue(flight.AwaitedHolder, out var since) && since + Settings.Lease > Now;

    /// <summary>Something of a node is heard: it lives, unless it was said before it died and is late.</summary>
    public void OnSignOfLife(string node)
    {
        if (Dead.Count > 0 && Dead.TryGetValue(node, out var since) && since + LateMessages < Now)
            Dead.Remove(node);
    }
}
