using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// Requests of coordinators, and how the node goes on without them. No step waits for a coordinator: one that is dead, late or wrong only
/// costs time.
/// </summary>
internal sealed class CoordinatorClient(
    Kernel kernel,
    StoreGate storeGate,
    StoreHealth storeHealth,
    Coordinators coordinators,
    Scheduling scheduling,
    DeadNodes deadNodes,
    Flights flights,
    AntiEntropy antiEntropy,
    Receiving receiving) : Component(kernel)
{
    /// <summary>
    /// No messages come any more, and the node may have been about to leave. It takes back the keys that it had handed over, and asks the
    /// store for the outcomes that it waited for.
    /// </summary>
    public void GoOnAlone()
    {
        Kernel.IsAlone = true;
        Kernel.IsDraining = false;
        Kernel.HasDrained = false;

        // If the store is replaced by another one, its first answer closes the breaker.
        if (storeGate.Breaker.IsOpen && storeGate.Breaker.ProbeAt != long.MaxValue)
            storeHealth.Probe();
        foreach (var state in Kernel.Keys.Values.ToArray())
        {
            if (state.Flight is { Phase: FlightPhase.Waiting } flight)
            {
                flight.WakeAt = Now;
                Kernel.Queue(flight);
            }

            // Keys that came due while the node was leaving were left to other nodes.
            if (state is { DueAt: long.MaxValue, Flight: null, Ready: false, InMemory: true } && (!state.Unscheduled || state.Uncommitted))
                scheduling.DueAgainIn(state, Kernel.Random(Delays.Spread));
            Kernel.Settle(state);
        }

        receiving.Publishers.Clear();
        antiEntropy.StartCheck();
    }

    public void OnCoordinated(FromCoordinator said)
    {
        if (said.Shard >= coordinators.Incarnations.Length)
            return;
        if (said.Incarnation < coordinators.Incarnations[said.Shard])
        {
            // A replaced coordinator, or a new one whose clock is behind its predecessor's: it must learn the higher incarnation.
            coordinators.Tell(said.Shard,
                new ResyncAnswered { Node = Settings.NodeId, Incarnation = coordinators.Incarnations[said.Shard] });
            return;
        }

        coordinators.Incarnations[said.Shard] = said.Incarnation;
        switch (said)
        {
            case ResyncRequested:
                AnswerResync(said.Shard, said.Incarnation);
                if (Kernel.Epochs.Length > 1)
                    antiEntropy.StartCheck();
                break;
            case OutcomePushed pushed when pushed.Outcome.Publisher != Settings.NodeId:
                receiving.Hear(pushed.Outcome);
                break;
            case RegenerationDue due:
                OnRegenerationDue(due);
                break;
            case ClaimOrphaned orphaned:
                OnOrphaned(orphaned);
                break;
        }
    }

    /// <summary>
    /// The holder of a claim that callers here wait for is believed dead: its claim is stolen. This is safe even if it is alive.
    /// </summary>
    private void OnOrphaned(ClaimOrphaned orphaned)
    {
        if (Kernel.Keys.TryGetValue(orphaned.Key, out var state) && state.Flight is { Phase: FlightPhase.Waiting } flight
            && flight.AwaitedHolder == orphaned.Holder && !Kernel.IsDraining && !Kernel.HasDrained)
        {
            flight.Orphan = orphaned.Holder;
            flights.Claim(flight);
        }
        else
        {
            coordinators.Tell(state?.Shard ?? orphaned.Shard, new AwaitEnded { Node = Settings.NodeId, Key = orphaned.Key });
        }
    }

    /// <summary>
    /// A node is believed dead. Coordinators choose who steals its claims, but a key's coordinator may have died with the node, and the
    /// next one takes seconds. So each waiting flight asks the store to steal the claim, a little later than a coordinator would ask for
    /// it. The store grants one steal; the other flights wait for that claim.
    /// </summary>
    public void OnNodeDown(string node)
    {
        if (Kernel.Omits(Step.NoteDeath))
            return;
        foreach (var (past, _) in deadNodes.Dead.Where(d => d.Value + Settings.Lease <= Now).ToArray())
            deadNodes.Dead.Remove(past);
        deadNodes.Dead[node] = Now;

        // Its last notifications may have been lost with it.
        if (receiving.Publishers.TryGetValue(node, out var publisher))
            publisher.SilentAt = Math.Min(publisher.SilentAt, Now + DeadNodes.LateMessages);
        foreach (var flight in Kernel.Keys.Values.Select(s => s.Flight).OfType<Flight>()
            .Where(f => f.Phase == FlightPhase.Waiting && f.AwaitedHolder == node).ToArray())
        {
            deadNodes.WakeForOrphan(flight);
            Kernel.Queue(flight);
        }
    }

    private void OnRegenerationDue(RegenerationDue due)
    {
        if (!Kernel.Keys.TryGetValue(due.Key, out var state) || state.Source is null)
        {
            // Any node can run a registered generator, even if it has never read the key.
            if (Settings.SourceFor?.Invoke(due.Key) is { } registered)
            {
                state = Kernel.StateOf(due.Key);
                state.Source ??= registered;
            }
        }

        var canRegenerate = state is { Source.Profile.IsScheduled: true } && !Kernel.IsDraining && !Kernel.HasDrained
            && !storeGate.IsUnreachable(state);
        if (state is null || !canRegenerate)
        {
            coordinators.Tell(due.Shard, new RegenerationDeclined { Node = Settings.NodeId, Key = due.Key });
        }
        else if (state.Flight is null && !state.Ready && !state.IsOutdated)
        {
            state.DueAt = long.MaxValue;
            scheduling.ServeDue(state, due.Orphan);
        }

        if (state is not null)
            Kernel.Settle(state);
    }

    private void AnswerResync(int shard, long incarnation)
    {
        var flights = FlightsOf(shard);
        var answer = new ResyncAnswered
        {
            Node = Settings.NodeId,
            Incarnation = incarnation,
            Held = [.. flights.Where(IsHeld).Select(coordinators.Held)],
            Awaited = [.. flights.Where(IsAwaiting).Select(coordinators.Awaited)],
        };
        var offered = Kernel.OfShard.Of(shard).Where(s => s is { Source.Profile.IsScheduled: true, Token: not 0 });
        foreach (var batch in offered.Chunk(Coordinators.OfferBatch))
        {
            coordinators.Tell(shard, answer with { Offered = Array.ConvertAll(batch, coordinators.OfferOf) });
            answer = answer with { Held = [], Awaited = [] };
        }

        if (answer.Held.Count + answer.Awaited.Count > 0)
            coordinators.Tell(shard, answer);
    }

    /// <summary>Recent reports may have been lost: sends them again.</summary>
    public void ReportToCoordinatorsAgain()
    {
        for (var shard = 0; shard < coordinators.Incarnations.Length; shard++)
        {
            if (Kernel.OfShard.IsAny(shard))
                AnswerResync(shard, coordinators.Incarnations[shard]);
        }
    }

    private List<Flight> FlightsOf(int shard) =>
        [.. Kernel.OfShard.Of(shard).Where(s => s.Flight is not null).Select(s => s.Flight!)];

    /// <summary>
    /// A partition of the store began a new epoch without its records. Only the nodes' memories still have them: each node sends what it
    /// shows, and the newest counts.
    /// </summary>
    public void SendRecovery(int partition)
    {
        var kept = Kernel.OfShard.Of(partition)
            .Where(s => s is { InMemory: true, Uncommitted: false, Token: not 0, Source: not null } && s.EndsAt > Now);
        foreach (var batch in kept.Chunk(Coordinators.OfferBatch))
            coordinators.Tell(partition, new RecordsRecovered { Node = Settings.NodeId, Epoch = Kernel.Epochs[partition],
                Records = Array.ConvertAll(batch, RecoveryRecordOf) });
    }

    private RecoveryRecord RecoveryRecordOf(KeyState state)
    {
        var offer = coordinators.OfferOf(state);
        var isScheduled = state.Source!.Profile.IsScheduled && !state.Unscheduled;
        return new RecoveryRecord(
            state.Key,
            state.Token,
            null,
            TimeSpan.FromTicks(state.EndsAt - Now),
            TimeSpan.FromTicks(isScheduled ? state.Source.Profile.Interval : 0),

            // Without a due time a flight was under way, which the partition's last epoch did not see end.
            !isScheduled ? null : state.DueAt == long.MaxValue ? TimeSpan.Zero : offer.DueIn,
            offer.ActiveFor);
    }

    private static bool IsHeld(Flight flight) => flight is { HeldIndex: >= 0, Phase: FlightPhase.Running or FlightPhase.Committing };

    private static bool IsAwaiting(Flight flight) =>
        flight is { Phase: FlightPhase.Waiting, Awaited: not 0, AwaitedHolder.Length: > 0 } && flight.EndHeard < flight.Awaited;
}
