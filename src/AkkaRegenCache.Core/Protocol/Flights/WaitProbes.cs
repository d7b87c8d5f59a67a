using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>Finds generators on several nodes that wait for each other's keys in a circle.</summary>
/// <remarks>
/// <para>
/// Edge chasing (Chandy, Misra, Haas 1983). A wait inside a generator is an edge from its run to the claim that it waits for. Key and
/// fencing token name the claim, so a later run of the key is not taken for it. A flight that waits for another node's claim for a
/// generator sends a probe after 200 ms and repeats it at growing intervals. The node that runs the claim passes the probe on to everything
/// that its run waits for: directly to runs on the same node, with a notification to another node. A probe that comes back to its flight
/// has found a circle. The call through which it came fails with an error that names the keys.
/// </para>
/// <para>
/// The wait that closes a circle is a new one, so only new waits must be probed soon. A new wait for a run of this node makes that run's
/// waits probe again. Circles within one node are refused when they are closed (<see cref="Runtime.GenerationScope"/>), so they are not
/// covered here.
/// </para>
/// <para>
/// All waits of a circle may find it at the same time. The one for the greatest key fails at once. Another fails only if it finds the
/// circle again.
/// </para>
/// </remarks>
internal sealed class WaitProbes(Kernel kernel, Publishing publishing) : Component(kernel)
{
    private long _lastWait;

    /// <summary>Whether a flight waits for another node's claim.</summary>
    private static bool AwaitsClaim(Flight flight) => flight is { Phase: FlightPhase.Waiting, InLine: null, Awaited: not 0 };

    /// <summary>A generator has joined a flight and may have closed a circle, unless the awaited run has not begun yet.</summary>
    public void ProbeForNested(Flight flight)
    {
        if (flight.Phase == FlightPhase.Running || AwaitsClaim(flight))
            ProbeAt(flight, Now + FlightProbes.Pause);
    }

    /// <summary>The claim that a generator waits for is held by another node.</summary>
    /// <param name="flight">The flight.</param>
    /// <param name="isOther">Whether it is a different claim than before.</param>
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

        // While the flight asks whether the claim still stands it waits for no node, but most likely it will again.
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
        Sequence = publishing.LastPublished(),
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

    /// <summary>Passes a probe on to everything that a run waits for.</summary>
    /// <param name="flight">The run's flight.</param>
    /// <param name="probe">The probe; null: the run's waits send their own.</param>
    private void Pass(Flight flight, WaitProbe? probe)
    {
        var probes = ProbesOf(flight);
        if (probe is null ? probes.Wakes(Now) : probes.Passes(probe))
            Out.Send(Peer.Generators, new RunProbed(flight.RunId, probe));
    }

    /// <summary>A probe has reached a call inside a generator of this node.</summary>
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
