namespace AkkaRegenCache.Protocol;

/// <summary>
/// Nodes that are believed dead. Their claims stand in the store for one lease at most. A flight that waits for such a claim may steal it,
/// once for each claim. This is safe even if the node is alive: its commit is superseded.
/// </summary>
internal sealed class DeadNodes(Kernel kernel) : Component(kernel)
{
    /// <summary>
    /// The minimum delay before a node steals a dead node's claim by itself; the maximum is twice as long. The coordinator's choice comes
    /// first.
    /// </summary>
    private static readonly long s_orphanDelay = TimeSpan.FromMilliseconds(100).Ticks;

    /// <summary>How long messages of a dead node may still arrive.</summary>
    public static readonly long LateMessages = TimeSpan.FromMilliseconds(300).Ticks;

    /// <summary>Nodes believed dead, and since when.</summary>
    public Dictionary<string, long> Dead { get; } = new(StringComparer.Ordinal);

    /// <summary>The flight waits for a dead node's claim: it asks the store soon, once for each claim.</summary>
    public void WakeForOrphan(Flight flight)
    {
        if (MayTakeOver(flight))
            flight.WakeAt = Math.Min(flight.WakeAt, Now + s_orphanDelay + Kernel.Random(s_orphanDelay));
    }

    /// <summary>The node whose claim this flight may steal; null: none.</summary>
    public string? OrphanOf(Flight flight)
    {
        if (!MayTakeOver(flight))
            return null;
        flight.TriedOrphan = flight.Awaited;
        return flight.AwaitedHolder;
    }

    private bool MayTakeOver(Flight flight) => Dead.Count > 0 && flight.TriedOrphan != flight.Awaited
        && Dead.TryGetValue(flight.AwaitedHolder, out var since) && since + Settings.Lease > Now;

    /// <summary>A message of a node was received. The node is alive, unless the message was sent before it died and is late.</summary>
    public void OnSignOfLife(string node)
    {
        if (Dead.Count > 0 && Dead.TryGetValue(node, out var since) && since + LateMessages < Now)
            Dead.Remove(node);
    }
}
