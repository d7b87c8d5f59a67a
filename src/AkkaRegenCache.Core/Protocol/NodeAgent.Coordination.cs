using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>
/// Coordinators: what they are told, and what they ask for. Nothing here is waited for: a coordinator that is gone, late or wrong costs time alone.
/// </content>
internal partial class NodeAgent
{
    /// <summary>How much longer than for a coordinator's word a node waits at least, and at most twice as long, before it takes a dead node's claim over.</summary>
    private static readonly long s_orphanDelay = TimeSpan.FromMilliseconds(100).Ticks;

    /// <summary>For how long what a dead node has said may still come in.</summary>
    private static readonly long s_lastWords = TimeSpan.FromMilliseconds(300).Ticks;

    /// <summary>So many keys are offered in one message.</summary>
    private const int OfferBatch = 256;

    /// <summary>The newest incarnation heard of each shard's coordinator.</summary>
    private readonly long[] _incarnations;

    private readonly List<KeyState> _toOffer = [];

    /// <summary>The keys of each shard; none where there are no coordinators.</summary>
    private readonly ShardKeys _ofShard;

    /// <summary>Nodes believed dead, and since when: what they held stands in the store for a lease at the most.</summary>
    private readonly Dictionary<string, long> _dead = new(StringComparer.Ordinal);

    private void OnCoordinated(FromCoordinator said)
    {
        if (said.Shard >= _incarnations.Length)
            return;
        if (said.Incarnation < _incarnations[said.Shard])
        {
            // Replaced; or a new one whose clock is behind that of the one before it, which must know.
            Tell(said.Shard, new SurveyAnswered { Node = _settings.NodeId, Incarnation = _incarnations[said.Shard] });
            return;
        }

        _incarnations[said.Shard] = said.Incarnation;
        switch (said)
        {
            case SurveyAsked:
                AnswerSurvey(said.Shard, said.Incarnation);
                if (_lives.Length > 1)
                    StartCheck();
                break;
            case OutcomePushed pushed when pushed.Outcome.Publisher != _settings.NodeId:
                Hear(pushed.Outcome);
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
        if (_keys.TryGetValue(orphaned.Key, out var state) && state.Flight is { Phase: FlightPhase.Waiting } flight
            && flight.AwaitedHolder == orphaned.Holder && !_isDraining && !_hasDrained)
        {
            flight.Orphan = orphaned.Holder;
            Claim(flight);
        }
        else
        {
            Tell(state?.Shard ?? orphaned.Shard, new AwaitEnded { Node = _settings.NodeId, Key = orphaned.Key });
        }
    }

    /// <summary>
    /// A node is believed dead. The coordinators choose who takes its claims over; but the one of a key may have died with the node, and the next one is
    /// seconds away. So those who wait for such a claim ask the store for it, a little later than a coordinator would have them do it. The store gives it
    /// to the first; the others wait for that one. Overridden only to plant a bug.
    /// </summary>
    protected virtual void OnNodeDown(string node)
    {
        foreach (var (past, _) in _dead.Where(d => d.Value + _settings.Lease <= _now).ToArray())
            _dead.Remove(past);
        _dead[node] = _now;

        // What it told last may have been lost with it.
        if (_publishers.TryGetValue(node, out var publisher))
            publisher.SilentAt = Math.Min(publisher.SilentAt, _now + s_lastWords);
        foreach (var flight in _keys.Values.Select(s => s.Flight).OfType<Flight>().Where(f => f.Phase == FlightPhase.Waiting && f.AwaitedHolder == node).ToArray())
        {
            WakeForOrphan(flight);
            Queue(flight);
        }
    }

    /// <summary>The claim that a flight waits for is a dead node's: it asks soon, once for each claim.</summary>
    private void WakeForOrphan(Flight flight)
    {
        if (MayTakeOver(flight))
            flight.WakeAt = Math.Min(flight.WakeAt, _now + s_orphanDelay + Random(s_orphanDelay));
    }

    /// <summary>Whose claim a flight that asks now may take over; null: nobody's.</summary>
    private string? OrphanOf(Flight flight)
    {
        if (!MayTakeOver(flight))
            return null;
        flight.TriedOrphan = flight.Awaited;
        return flight.AwaitedHolder;
    }

    private bool MayTakeOver(Flight flight) => _dead.Count > 0 && flight.TriedOrphan != flight.Awaited
        && _dead.TryGetValue(flight.AwaitedHolder, out var since) && since + _settings.Lease > _now;

    /// <summary>Something of a node is heard: it lives, unless it was said before it died and is late.</summary>
    private void OnSignOfLife(string node)
    {
        if (_dead.Count > 0 && _dead.TryGetValue(node, out var since) && since + s_lastWords < _now)
            _dead.Remove(node);
    }

    private void OnRegenerationDue(RegenerationDue due)
    {
        if (!_keys.TryGetValue(due.Key, out var state) || state.Source is null)
        {
            // Any node can run a generator that is registered, also one that has never read the key.
            if (_settings.SourceFor?.Invoke(due.Key) is { } registered)
            {
                state = StateOf(due.Key);
                state.Source ??= registered;
            }
        }

        var canRegenerate = state is { Source.Profile.IsScheduled: true } && !_isDraining && !_hasDrained && !IsUnreachable(state);
        if (state is null || !canRegenerate)
        {
            Tell(due.Shard, new RegenerationDeclined { Node = _settings.NodeId, Key = due.Key });
        }
        else if (state.Flight is null && !state.Ready && !state.IsOutdated)
        {
            state.DueAt = long.MaxValue;
            ServeDue(state, due.Orphan);
        }

        if (state is not null)
            Settle(state);
    }

    private void Tell(int shard, ToCoordinator message) => _out.Send(Peer.Coordinator, new CoordinatorCall(shard, message));

    private void TellHeld(Flight flight)
    {
        if (_incarnations.Length > 0)
            Tell(flight.State.Shard, Held(flight));
    }

    private ClaimHeld Held(Flight flight) => new()
    {
        Node = _settings.NodeId,
        Key = flight.State.Key,
        Token = flight.Token,
        EndsIn = TimeSpan.FromTicks(_settings.Lease + (flight.Profile ?? flight.State.Source?.Profile ?? flight.Waiters!.Profile).GenerationDeadline),
    };

    private void TellAwaited(Flight flight)
    {
        if (_incarnations.Length == 0)
            return;
        flight.IsAwaitTold = true;
        Tell(flight.State.Shard, Awaited(flight));
    }

    private ClaimAwaited Awaited(Flight flight) => new()
    {
        Node = _settings.NodeId,
        Key = flight.State.Key,
        Token = flight.Awaited,
        Holder = flight.AwaitedHolder,
    };

    private void TellAwaitEnded(Flight flight)
    {
        if (!flight.IsAwaitTold)
            return;
        flight.IsAwaitTold = false;
        Tell(flight.State.Shard, new AwaitEnded { Node = _settings.NodeId, Key = flight.State.Key });
    }

    /// <summary>What all nodes are told the coordinator is told as well; the value only where somebody may wait for it there.</summary>
    private void TellOutcome(CacheNotification notification, bool withValue)
    {
        if (_incarnations.Length == 0)
            return;
        var state = _keys.GetValueOrDefault(notification.Key);
        var profile = state?.Source?.Profile;
        Tell(state?.Shard ?? _settings.ShardOf!(notification.Key), new OutcomeKnown
        {
            Node = _settings.NodeId,
            Outcome = notification with { Payload = withValue ? notification.Payload : null, Failure = notification.Failure?.WithoutException() },
            Jitter = TimeSpan.FromTicks(profile?.Jitter ?? 0),
            Offers = profile is { IsScheduled: true },
        });
    }

    private void TellDeclined(KeyState state, bool isOver, TimeSpan? dueIn)
    {
        if (_incarnations.Length > 0)
            Tell(state.Shard, new RegenerationDeclined { Node = _settings.NodeId, Key = state.Key, IsOver = isOver, DueIn = dueIn });
    }

    /// <summary>This node can regenerate the key: its coordinator is told with the next pulse.</summary>
    private void Offer(KeyState state)
    {
        if (_incarnations.Length == 0 || state.Offered)
            return;
        state.Offered = true;
        _toOffer.Add(state);
        if (_pulseAt == long.MaxValue)
            _pulseAt = _now + _settings.Heartbeat;
    }

    private void TellOffers()
    {
        if (_toOffer.Count == 0)
            return;
        foreach (var shard in _toOffer.Where(s => s is { IsGone: false, Offered: true, Source: not null }).GroupBy(s => s.Shard).ToArray())
        {
            foreach (var batch in shard.Chunk(OfferBatch))
                Tell(shard.Key, new KeysOffered { Node = _settings.NodeId, Keys = Array.ConvertAll(batch, OfferOf) });
        }

        _toOffer.Clear();
    }

    private OfferedKey OfferOf(KeyState state)
    {
        var profile = state.Source!.Profile;

        // Rather too early than too late: the store says when it is too early. Without a time here it is being seen to right now, should that end well.
        var dueAt = state.DueAt != long.MaxValue ? state.DueAt - profile.Grace - profile.Jitter : _now + s_repairDelay;
        TimeSpan? dueIn = state.Unscheduled ? null : TimeSpan.FromTicks(Math.Max(0, dueAt - _now));
        var activeFor = TimeSpan.FromTicks(Math.Max(0, OwnActivity(state) - _now));
        return new OfferedKey(state.Key, state.Token, dueIn, activeFor, TimeSpan.FromTicks(profile.Jitter));
    }

    private void AnswerSurvey(int shard, long incarnation)
    {
        var flights = FlightsOf(shard);
        var answer = new SurveyAnswered
        {
            Node = _settings.NodeId,
            Incarnation = incarnation,
            Held = [.. flights.Where(IsHeld).Select(Held)],
            Awaited = [.. flights.Where(IsAwaiting).Select(Awaited)],
        };
        var offered = _ofShard.Of(shard).Where(s => s is { Source.Profile.IsScheduled: true, Token: not 0 });
        foreach (var batch in offered.Chunk(OfferBatch))
        {
            Tell(shard, answer with { Offered = Array.ConvertAll(batch, OfferOf) });
            answer = answer with { Held = [], Awaited = [] };
        }

        if (answer.Held.Count + answer.Awaited.Count > 0)
            Tell(shard, answer);
    }

    /// <summary>What was said lately may have been lost: it is said again.</summary>
    private void TellCoordinatorsAnew()
    {
        for (var shard = 0; shard < _incarnations.Length; shard++)
        {
            if (_ofShard.IsAny(shard))
                AnswerSurvey(shard, _incarnations[shard]);
        }
    }

    private void TellLeaving()
    {
        for (var shard = 0; shard < _incarnations.Length; shard++)
            Tell(shard, new NodeLeaving { Node = _settings.NodeId });
    }

    private List<Flight> FlightsOf(int shard) =>
        [.. _ofShard.Of(shard).Where(s => s.Flight is not null).Select(s => s.Flight!)];

    /// <summary>Whether each part of the store lives with the coordinator of its shard, in one node's memory alone.</summary>
    private bool IsStoreInShards => _lives.Length > 1 && _lives.Length == _incarnations.Length;

    /// <summary>
    /// The part of the store has begun a new life without its records. It has no other memory than the nodes': each gives it what it shows, and
    /// the newest counts.
    /// </summary>
    private void TellKept(int part)
    {
        var kept = _ofShard.Of(part).Where(s => s is { InMemory: true, Uncommitted: false, Token: not 0, Source: not null } && s.EndsAt > _now);
        foreach (var batch in kept.Chunk(OfferBatch))
            Tell(part, new RecordsKept { Node = _settings.NodeId, Life = _lives[part], Records = Array.ConvertAll(batch, KeptOf) });
    }

    private KeptRecord KeptOf(KeyState state)
    {
        var offer = OfferOf(state);
        var isScheduled = state.Source!.Profile.IsScheduled && !state.Unscheduled;
        return new KeptRecord(
            state.Key,
            state.Token,
            null,
            TimeSpan.FromTicks(state.EndsAt - _now),
            TimeSpan.FromTicks(isScheduled ? state.Source.Profile.Interval : 0),

            // What was being seen to right now, the part's last life was too short for.
            !isScheduled ? null : state.DueAt == long.MaxValue ? TimeSpan.Zero : offer.DueIn,
            offer.ActiveFor);
    }

    private static bool IsHeld(Flight flight) => flight is { HeldIndex: >= 0, Phase: FlightPhase.Running or FlightPhase.Committing };

    private static bool IsAwaiting(Flight flight) =>
        flight is { Phase: FlightPhase.Waiting, Awaited: not 0, AwaitedHolder.Length: > 0 } && flight.EndHeard < flight.Awaited;
}

/// <summary>Something for the coordinator of a shard.</summary>
internal sealed class CoordinatorCall(int shard, ToCoordinator message)
{
    public int Shard { get; } = shard;

    public ToCoordinator Message { get; } = message;
}
