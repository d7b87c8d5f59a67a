using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <content>Claims that run, those who wait for them, and what becomes of them when a node dies.</content>
internal sealed partial class CoordinatorShard
{
    private void OnHeld(int node, ClaimHeld held)
    {
        var tracked = KeyOf(held.Key);
        var engaged = Engage(tracked);
        if (held.Token < engaged.HoldToken || held.Token <= tracked.Token)
        {
            Settle(tracked);
            return;
        }

        engaged.Holder = node;
        engaged.HoldToken = held.Token;
        engaged.HoldEnds = _now + held.EndsIn.Ticks;
        EndAsking(engaged);
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        tracked.DueAt = long.MaxValue;
        Settle(tracked);
    }

    private void OnAwaited(int node, ClaimAwaited awaited)
    {
        var tracked = KeyOf(awaited.Key);
        var engaged = Engage(tracked);
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        if (engaged.Asked == node)
        {
            // The same claim still stands: the store didn't give it. Another one it was not asked for.
            if (engaged.Orphan == awaited.Holder && engaged.AskedToken == awaited.Token)
                engaged.RefusedToken = awaited.Token;
            EndAsking(engaged);
        }

        var bit = CoordinatorNodes.BitOf(node);
        if (engaged.LastOutcome is { } outcome && outcome.Token >= awaited.Token && (engaged.Told & bit) == 0 && bit != 0)
        {
            // It has ended already; what told so may have been lost, or came before this node was waiting.
            engaged.Told |= bit;
            Push(node, outcome);
            Settle(tracked);
            return;
        }

        engaged.Awaiting.Add((node, awaited.Token));
        engaged.AwaitingUntil = _now + s_hearsay;
        if (_nodes.IsDead(awaited.Holder))
        {
            if (engaged.Asked == TrackedKey.Nobody && engaged.RefusedToken != awaited.Token)
                Orphaned(tracked, awaited.Holder);
        }
        else if (awaited.Token > engaged.HoldToken)
        {
            engaged.Holder = _nodes.Hear(awaited.Holder, out _);
            engaged.HoldToken = awaited.Token;
            engaged.HoldEnds = _now + s_hearsay;
        }

        Settle(tracked);
    }

    private void OnAwaitEnded(int node, string key)
    {
        if (!_keys.TryGetValue(key, out var tracked) || tracked.Engagement is not { } engaged)
            return;
        engaged.Awaiting.RemoveAll(a => a.Node == node);
        if (engaged.Asked == node)
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

        var engaged = Engage(tracked);
        if (outcome.Token >= engaged.HoldToken)
        {
            // Overtaken by a change: what its holder makes is of no use any more, and those who wait there need wait no longer.
            if (engaged.Holder != TrackedKey.Nobody && engaged.Holder != node && outcome.Token > engaged.HoldToken)
                Push(engaged.Holder, outcome);
            EndHold(engaged);
            EndAsking(engaged);
        }

        if (engaged.LastOutcome is null || outcome.Token >= engaged.LastOutcome.Token)
        {
            engaged.LastOutcome = outcome;
            engaged.RememberedUntil = _now + s_remembered;
            engaged.Told = CoordinatorNodes.BitOf(node);
        }

        foreach (var (waiting, token) in engaged.Awaiting)
        {
            if (token > outcome.Token || waiting == node)
                continue;
            engaged.Told |= CoordinatorNodes.BitOf(waiting);
            Push(waiting, outcome);
        }

        engaged.Awaiting.RemoveAll(a => a.Token <= outcome.Token);
        Settle(tracked);
    }

    /// <summary>Gives a node the outcome it waits for.</summary>
    private void Push(int node, CacheNotification outcome)
    {
        if (!Omits(Step.PushOutcome))
            _out.Send(_nodes[node], new OutcomePushed { Shard = _settings.Shard, Incarnation = _incarnation, Outcome = outcome });
    }

    /// <summary>A node is believed dead. What it held goes to those who wait for it.</summary>
    private void OnNodeDown(string name)
    {
        if (Omits(Step.FindHeir))
            return;
        var node = _nodes.Lose(name);
        if (node == TrackedKey.Nobody)
            return;
        var engagements = _keys.Values.Where(k => k.Engagement is not null).ToArray();
        foreach (var tracked in engagements)
            tracked.Engagement!.Awaiting.RemoveAll(a => a.Node == node);
        Unoffer(node);
        foreach (var tracked in engagements)
        {
            if (tracked.Engagement is { } engaged && engaged.Holder == node)
            {
                EndHold(engaged);
                Orphaned(tracked, name);
            }

            Settle(tracked);
        }
    }

    /// <summary>Nobody works on a claim that stands in the store: somebody who waits for it takes it over, or one who can regenerate the key.</summary>
    private void Orphaned(TrackedKey tracked, string holder)
    {
        var engaged = Engage(tracked);
        engaged.Orphan = holder;
        engaged.Tried = 0;
        AskNext(tracked);
    }

    private static void EndHold(Engagement engaged)
    {
        engaged.Holder = TrackedKey.Nobody;
        engaged.HoldToken = 0;
        engaged.HoldEnds = long.MaxValue;
    }

    private static Engagement Engage(TrackedKey tracked) => tracked.Engagement ??= new Engagement();
}
