using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// What coordinators ask for and say, and how the node goes on when it has none any more. Nothing here is waited for: a coordinator that is gone, late or wrong costs time alone.
/// </summary>
internal sealed class CoordinatorClient(Kernel kernel, StoreGate storeGate, StoreHealth storeHealth, Coordinators coordinators, Scheduling scheduling, DeadNodes deadNodes, Flights flights, AntiEntropy checking, Receiving hearing) : Component(kernel)
{
    /// <summary>
    /// Nobody tells this node anything any more, and it was perhaps about to leave: what it had given up is its own again, and it asks the
    /// store for what it waited to be told.
    /// </summary>
    public void GoOnAlone()
    {
        Kernel.IsAlone = true;
        Kernel.IsDraining = false;
        Kernel.HasDrained = false;

        // Where the store is another one from now on, it counts as down no longer than the first answer takes.
        if (storeGate.Breaker.IsOpen && storeGate.Breaker.ProbeAt != long.MaxValue)
            storeHealth.Probe();
        foreach (var state in Kernel.Keys.Values.ToArray())
        {
            if (state.Flight is { Phase: FlightPhase.Waiting } flight)
            {
                flight.WakeAt = Now;
                Kernel.Queue(flight);
            }

            // What was due while the node was leaving, somebody else was to see to.
            if (state is { DueAt: long.MaxValue, Flight: null, Ready: false, InMemory: true } && (!state.Unscheduled || state.Uncommitted))
                scheduling.DueAgainIn(state, Kernel.Random(Delays.Spread));
            Kernel.Settle(state);
        }

        hearing.Publishers.Clear();
        checking.StartCheck();
    }

    public void OnCoordinated(FromCoordinator said)
    {
        if (said.Shard >= coordinators.Incarnations.Length)
            return;
        if (said.Incarnation < coordinators.Incarnations[said.Shard])
        {
            // Replaced; or a new one whose clock is behind that of the one before it, which must know.
            coordinators.Tell(said.Shard, new ResyncAnswered { Node = Settings.NodeId, Incarnation = coordinators.Incarnations[said.Shard] });
            return;
        }

        coordinators.Incarnations[said.Shard] = said.Incarnation;
        switch (said)
        {
            case ResyncRequested:
                AnswerSurvey(said.Shard, said.Incarnation);
                if (Kernel.Epochs.Length > 1)
                    checking.StartCheck();
                break;
            case OutcomePushed pushed when pushed.Outcome.Publisher != Settings.NodeId:
                hearing.Hear(pushed.Outcome);
                break;
            case RegenerationDue due:
                OnRegenerationDue(due);
                break;
            case ClaimOrphaned orphaned:
                OnOrphaned(orphaned);
                break;
        }
    }

    /// <summary>The node whose outcome callers here wait for is believed dead: its claim is taken over, which is safe also if it isn't.</summary>
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
    /// A node is believed dead. The coordinators choose who takes its claims over; but the one of a key may have died with the node, and the next one is
    /// seconds away. So those who wait for such a claim ask the store for it, a little later than a coordinator would have them do it. The store gives it
    /// to the first; the others wait for that one.
    /// </summary>
    public void OnNodeDown(string node)
    {
        if (Kernel.Omits(Step.NoteDeath))
            return;
        foreach (var (past, _) in deadNodes.Dead.Where(d => d.Value + Settings.Lease <= Now).ToArray())
            deadNodes.Dead.Remove(past);
        deadNodes.Dead[node] = Now;

        // What it told last may have been lost with it.
        if (hearing.Publishers.TryGetValue(node, out var publisher))
            publisher.SilentAt = Math.Min(publisher.SilentAt, Now + DeadNodes.LateMessages);
        foreach (var flight in Kernel.Keys.Values.Select(s => s.Flight).OfType<Flight>().Where(f => f.Phase == FlightPhase.Waiting && f.AwaitedHolder == node).ToArray())
        {
            deadNodes.WakeForOrphan(flight);
            Kernel.Queue(flight);
        }
    }

    private void OnRegenerationDue(RegenerationDue due)
    {
        if (!Kernel.Keys.TryGetValue(due.Key, out var state) || state.Source is null)
        {
            // Any node can run a generator that is registered, also one that has never read the key.
            if (Settings.SourceFor?.Invoke(due.Key) is { } registered)
            {
                state = Kernel.StateOf(due.Key);
                state.Source ??= registered;
            }
        }

        var canRegenerate = state is { Source.Profile.IsScheduled: true } && !Kernel.IsDraining && !Kernel.HasDrained && !storeGate.IsUnreachable(state);
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

    private void AnswerSurvey(int shard, long incarnation)
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

    /// <summary>What was said lately may have been lost: it is said again.</summary>
    public void TellCoordinatorsAnew()
    {
        for (var shard = 0; shard < coordinators.Incarnations.Length; shard++)
        {
            if (Kernel.OfShard.IsAny(shard))
                AnswerSurvey(shard, coordinators.Incarnations[shard]);
        }
    }

    private List<Flight> FlightsOf(int shard) =>
        [.. Kernel.OfShard.Of(shard).Where(s => s.Flight is not null).Select(s => s.Flight!)];

    /// <summary>
    /// The partition of the store has begun a new epoch without its records. It has no other memory than the nodes': each gives it what it shows, and
    /// the newest counts.
    /// </summary>
    public void SendRecovery(int part)
    {
        var kept = Kernel.OfShard.Of(part).Where(s => s is { InMemory: true, Uncommitted: false, Token: not 0, Source: not null } && s.EndsAt > Now);
        foreach (var batch in kept.Chunk(Coordinators.OfferBatch))
            coordinators.Tell(part, new RecordsRecovered { Node = Settings.NodeId, Epoch = Kernel.Epochs[part], Records = Array.ConvertAll(batch, RecoveryRecordOf) });
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

            // What was being seen to right now, the partition's last epoch was too short for.
            !isScheduled ? null : state.DueAt == long.MaxValue ? TimeSpan.Zero : offer.DueIn,
            offer.ActiveFor);
    }

    private static bool IsHeld(Flight flight) => flight is { HeldIndex: >= 0, Phase: FlightPhase.Running or FlightPhase.Committing };

    private static bool IsAwaiting(Flight flight) =>
        flight is { Phase: FlightPhase.Waiting, Awaited: not 0, AwaitedHolder.Length: > 0 } && flight.EndHeard < flight.Awaited;
}
