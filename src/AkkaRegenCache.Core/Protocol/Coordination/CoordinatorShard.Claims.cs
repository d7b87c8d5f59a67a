using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <content>Claims under way, the nodes that wait for them, and what becomes of them when a node dies.</content>
internal sealed partial class CoordinatorShard
{
    private void OnHeld(int node, ClaimHeld held)
    {
        var tracked = KeyOf(held.Key);
        var standing = StandingClaimOf(tracked);
        if (held.Token < standing.HoldToken || held.Token <= tracked.Token)
        {
            Settle(tracked);
            return;
        }

        standing.Holder = node;
        standing.HoldToken = held.Token;
        standing.HoldEnds = _now + held.EndsIn.Ticks;
        EndAsking(standing);
        standing.Awaiting.RemoveAll(a => a.Node == node);
        tracked.DueAt = long.MaxValue;
        Settle(tracked);
    }

    private void OnAwaited(int node, ClaimAwaited awaited)
    {
        var tracked = KeyOf(awaited.Key);
        var standing = StandingClaimOf(tracked);
        standing.Awaiting.RemoveAll(a => a.Node == node);
        if (standing.Asked == node)
        {
            // The same claim still stands, so the store refused the steal. A different claim would not have been part of the request.
            if (standing.Orphan == awaited.Holder && standing.AskedToken == awaited.Token)
                standing.RefusedToken = awaited.Token;
            EndAsking(standing);
        }

        var bit = CoordinatorNodes.BitOf(node);
        if (standing.LastOutcome is { } outcome && outcome.Token >= awaited.Token && (standing.Notified & bit) == 0 && bit != 0)
        {
            // The claim has ended already. The notification was lost, or came before this node began to wait.
            standing.Notified |= bit;
            Push(node, outcome);
            Settle(tracked);
            return;
        }

        standing.Awaiting.Add((node, awaited.Token));
        standing.AwaitingUntil = _now + s_reportedKept;
        if (_nodes.IsDead(awaited.Holder))
        {
            if (standing.Asked == TrackedKey.Nobody && standing.RefusedToken != awaited.Token)
                Orphaned(tracked, awaited.Holder);
        }
        else if (awaited.Token > standing.HoldToken)
        {
            standing.Holder = _nodes.Hear(awaited.Holder, out _);
            standing.HoldToken = awaited.Token;
            standing.HoldEnds = _now + s_reportedKept;
        }

        Settle(tracked);
    }

    private void OnAwaitEnded(int node, string key)
    {
        if (!_keys.TryGetValue(key, out var tracked) || tracked.TrackedClaim is not { } standing)
            return;
        standing.Awaiting.RemoveAll(a => a.Node == node);
        if (standing.Asked == node)
            AskNext(tracked);
        Settle(tracked);
    }

    private void OnOutcome(int node, OutcomeKnown known)
    {
        var outcome = known.Outcome;
        var tracked = KeyOf(outcome.Key);
        if (known.Offers)
            tracked.Offers |= CoordinatorNodes.BitOf(node);
        var isNewest = outcome.Token >= tracked.Token;
        if (isNewest && outcome.Kind is NotificationKind.Fresh or NotificationKind.Removed)
        {
            tracked.Token = outcome.Token;
            tracked.Owner = known.Offers ? node : tracked.Owner;
            Schedule(tracked, outcome.DueIn, outcome.ActiveFor, known.Jitter);
        }

        var standing = StandingClaimOf(tracked);
        if (outcome.Token >= standing.HoldToken)
        {
            // The claim was superseded: its holder's result is of no use, and the nodes that wait for it need not wait.
            if (standing.Holder != TrackedKey.Nobody && standing.Holder != node && outcome.Token > standing.HoldToken)
                Push(standing.Holder, outcome);
            EndHold(standing);
            EndAsking(standing);
        }

        if (standing.LastOutcome is null || outcome.Token >= standing.LastOutcome.Token)
        {
            standing.LastOutcome = outcome;
            standing.RememberedUntil = _now + s_remembered;
            standing.Notified = CoordinatorNodes.BitOf(node);
        }

        foreach (var (waiting, token) in standing.Awaiting)
        {
            if (token > outcome.Token || waiting == node)
                continue;
            standing.Notified |= CoordinatorNodes.BitOf(waiting);
            Push(waiting, outcome);
        }

        standing.Awaiting.RemoveAll(a => a.Token <= outcome.Token);
        Settle(tracked);
    }

    /// <summary>Sends a node the outcome that it waits for.</summary>
    private void Push(int node, CacheNotification outcome)
    {
        if (!Omits(Step.PushOutcome))
            _out.Send(_nodes[node], new OutcomePushed { Shard = _settings.Shard, Incarnation = _incarnation, Outcome = outcome });
    }

    /// <summary>A node is believed dead. Nodes that wait for its claims take them over.</summary>
    private void OnNodeDown(string name)
    {
        if (Omits(Step.FindHeir))
            return;
        var node = _nodes.Lose(name);
        if (node == TrackedKey.Nobody)
            return;
        var claimed = _keys.Values.Where(k => k.TrackedClaim is not null).ToArray();
        foreach (var tracked in claimed)
            tracked.TrackedClaim!.Awaiting.RemoveAll(a => a.Node == node);
        Unoffer(node);
        foreach (var tracked in claimed)
        {
            if (tracked.TrackedClaim is { } standing && standing.Holder == node)
            {
                EndHold(standing);
                Orphaned(tracked, name);
            }

            Settle(tracked);
        }
    }

    /// <summary>
    /// A claim stands in the store, but its holder is dead. A waiting node takes it over, or else a node that can regenerate the key.
    /// </summary>
    private void Orphaned(TrackedKey tracked, string holder)
    {
        var standing = StandingClaimOf(tracked);
        standing.Orphan = holder;
        standing.Tried = 0;
        AskNext(tracked);
    }

    private static void EndHold(TrackedClaim standing)
    {
        standing.Holder = TrackedKey.Nobody;
        standing.HoldToken = 0;
        standing.HoldEnds = long.MaxValue;
    }

    private static TrackedClaim StandingClaimOf(TrackedKey tracked) => tracked.TrackedClaim ??= new TrackedClaim();
}
