using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>Generators that wait for each other's keys in a circle of several nodes.</summary>
/// <remarks>
/// <para>
/// Edge chasing (Chandy, Misra, Haas 1983). A wait inside a generator is an edge from its run to the claim that it waits for, known by key and
/// fencing token, so that no later run of the key is taken for it. A flight that waits so for another node's claim sends a probe after 200 ms, and
/// again, ever less often. The node that runs the claim passes it on to all that its run waits for: to a run on the same node at once, to another
/// node with a notification. Where a probe comes back to its flight, the call through which it came is in a circle, and fails with an error that
/// names the keys.
/// </para>
/// <para>
/// Any wait that closes a circle is a new one, so it is enough that new ones are probed soon. One that is for a run of this node makes the waits
/// of that run probe again. Circles on one node are refused when they are closed (<see cref="Runtime.GenerationScope"/>), and not looked for here.
/// </para>
/// <para>
/// All waits of a circle may find it at the same time. The one for the greatest key fails at once, another one only if it finds the circle once more.
/// </para>
/// </remarks>
internal sealed class WaitProbes(Kernel kernel, Publishing publishing) : Component(kernel)
{
    private long _lastWait;

    /// <summary>Whether a flight waits for another node's claim.</summary>
    private static bool AwaitsClaim(Flight flight) => flight is { Phase: FlightPhase.Waiting, InLine: null, Awaited: not 0 };

    /// <summary>A generator has joined a flight: it may have closed a circle, unless what it waits for has not even begun.</summary>
    public void ProbeForNested(Flight flight)
    {
        if (flight.Phase == FlightPhase.Running || AwaitsClaim(flight))
            ProbeAt(flight, Now + FlightProbes.Pause);
    }

    /// <summary>A flight that a generator waits for has found its claim held.</summary>
    /// <param name="flight">The flight.</param>
    /// <param name="isOther">Whether it is another claim than it waited for before.</param>
    public void ProbeForHeld(Flight flight, bool isOther)
    {
        if (!flight.IsNested || (!isOther && flight.Probes is { At: < long.MaxValue }))
            return;
        if (isOther)
            ProbesOf(flight).Begin(++_lastWait);
        ProbeAt(flight, Now + FlightProbes.Pause);
    }

    private void ProbeAt(Flight flight, long at)
    {
        ProbesOf(flight).Hasten(at);
        Kernel.Queue(flight);
    }

    private static FlightProbes ProbesOf(Flight flight) => flight.Probes ??= new FlightProbes();

    public void ServeWaitProbe(Flight flight)
    {
        if (flight.Probes is not { } probes || probes.At > Now)
            return;
        probes.At = long.MaxValue;
        if (!HasNested(flight.Waiters) && !HasNested(flight.Later))
            return;
        if (flight.Phase == FlightPhase.Running)
        {
            Pass(flight, null);
            return;
        }

        // While it asks the store whether the claim still stands, it waits for nobody; most likely it will again.
        probes.BeginRound(Now);
        if (!AwaitsClaim(flight))
            return;
        if (probes.Wait == 0)
            probes.Begin(++_lastWait);
        PublishProbe(flight, new WaitProbe { Initiator = Settings.NodeId, Wait = probes.Wait, Round = probes.Round, Victim = "" });
    }

    private static bool HasNested(Waiter? chain)
    {
        for (; chain is not null; chain = chain.Next)
        {
            if (chain.IsNested)
                return true;
        }

        return false;
    }

    private void PublishProbe(Flight flight, WaitProbe probe) => Out.Send(Peer.Bus, new CacheNotification
    {
        Publisher = Settings.NodeId,
        Sequence = publishing.LastTold(),
        Kind = NotificationKind.WaitProbe,
        Epoch = Kernel.Epochs[flight.State.Partition],
        Key = flight.State.Key,
        Token = flight.Awaited,
        Probe = probe.Across(flight.State.Key),
    });

    public void HearProbe(CacheNotification heard)
    {
        if (heard.Probe is { } probe && Kernel.Keys.TryGetValue(heard.Key, out var state)
            && state.Flight is { Phase: FlightPhase.Running, IsLocal: false } flight && flight.Token == heard.Token)
        {
            Pass(flight, probe);
        }
    }

    /// <summary>Passes a probe on to all that a run waits for.</summary>
    /// <param name="flight">The run's flight.</param>
    /// <param name="probe">The probe; null: what the run waits for sends its own.</param>
    private void Pass(Flight flight, WaitProbe? probe)
    {
        var probes = ProbesOf(flight);
        if (probe is null ? probes.Wakes(Now) : probes.Passes(probe))
            Out.Send(Peer.Generators, new RunProbed(flight.RunId, probe));
    }

    /// <summary>A probe has come to what waits for a key of this node.</summary>
    public void OnWaitProbed(WaitProbed probed)
    {
        if (probed.Waiter.Flight is not { } flight)
            return;
        if (flight.Phase == FlightPhase.Running)
            Pass(flight, probed.Probe);
        else if (probed.Probe is not { } probe)
            ProbeAt(flight, Now);
        else if (!AwaitsClaim(flight))
            return;
        else if (probe.Initiator != Settings.NodeId || probe.Wait != flight.Probes?.Wait)
            PublishProbe(flight, probe);
        else
            OnDeadlock(flight, flight.Probes, probed.Waiter, probe);
    }

    private void OnDeadlock(Flight flight, FlightProbes probes, Waiter waiter, WaitProbe probe)
    {
        if (probe.Victim != flight.State.Key && (probes.FoundIn == 0 || probes.FoundIn == probe.Round))
        {
            probes.FoundIn = probe.Round;
            ProbeAt(flight, Now + FlightProbes.Pause);
            return;
        }

        Out.Send(Peer.Callers, new DeadlockFound(waiter, probe.Path));
    }
}
