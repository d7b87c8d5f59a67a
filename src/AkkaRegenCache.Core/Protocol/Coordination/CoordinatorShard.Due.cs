using System.Numerics;

namespace AkkaRegenCache.Protocol;

/// <content>Due times: who offers to regenerate what, and whom it asks.</content>
internal sealed partial class CoordinatorShard
{
    private void OnOffered(int node, IReadOnlyList<OfferedKey> keys)
    {
        foreach (var offered in keys)
        {
            var tracked = KeyOf(offered.Key);
            tracked.Offers |= CoordinatorNodes.BitOf(node);
            if (offered.Token >= tracked.Token && tracked.DueAt == long.MaxValue && tracked.Engagement is null or { Holder: TrackedKey.Nobody })
            {
                var isKnown = tracked.Token == offered.Token;
                tracked.Token = offered.Token;
                if (!isKnown || tracked.ActiveUntil == long.MinValue)
                    Schedule(tracked, offered.DueIn, offered.ActiveFor, offered.Jitter);
            }

            tracked.ActiveUntil = Math.Max(tracked.ActiveUntil, _now + offered.ActiveFor.Ticks);
            Settle(tracked);
        }
    }

    private void OnDeclined(int node, RegenerationDeclined declined)
    {
        if (!_keys.TryGetValue(declined.Key, out var tracked))
            return;
        if (declined.IsOver)
        {
            tracked.DueAt = long.MaxValue;
            tracked.Offers &= ~CoordinatorNodes.BitOf(node);
            if (tracked.Engagement is { } over)
                EndAsking(over);
        }
        else if (declined.DueIn is { } dueIn)
        {
            tracked.DueAt = _now + Math.Max(0, dueIn.Ticks) + Random(TimeSpan.TicksPerMillisecond * 20);
            if (tracked.Engagement is { } waiting)
                EndAsking(waiting);
        }
        else if (tracked.Engagement is { } engaged && engaged.Asked == node)
        {
            AskNext(tracked);
        }

        Settle(tracked);
    }

    /// <summary>A node regenerates no more: others are asked where it was, or would have been.</summary>
    private void Unoffer(int node)
    {
        var bit = CoordinatorNodes.BitOf(node);
        foreach (var tracked in _keys.Values.ToArray())
        {
            tracked.Offers &= ~bit;
            if (tracked.Owner == node)
                tracked.Owner = TrackedKey.Nobody;
            if (tracked.Engagement is { } engaged && engaged.Asked == node)
            {
                AskNext(tracked);
                Settle(tracked);
            }
        }
    }

    /// <summary>A key is due: one node is asked.</summary>
    private void ServeDue(TrackedKey tracked)
    {
        if (Omits(Step.AskForDue))
            return;

        // Its holder brings the next time; and whom nobody reads any more the store would not grant.
        if (tracked.Engagement is { Holder: not TrackedKey.Nobody } || tracked.ActiveUntil < _now)
            return;
        var engaged = Engage(tracked);
        engaged.Orphan = null;
        engaged.Tried = 0;
        AskNext(tracked);
    }

    /// <summary>Asks the next node that may act, or gives up: the nodes' own timers and the end of the lease are left.</summary>
    private void AskNext(TrackedKey tracked)
    {
        var engaged = tracked.Engagement!;
        EndAsking(engaged, keepTried: true);
        if (engaged.Orphan is { } orphan && engaged.Awaiting.FindIndex(a => (engaged.Tried & CoordinatorNodes.BitOf(a.Node)) == 0) is >= 0 and var first)
        {
            var (node, token) = engaged.Awaiting[first];
            Ask(engaged, node);
            engaged.AskedToken = token;
            _out.Send(_nodes[node], new ClaimOrphaned
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Token = token,
                Holder = orphan,
            });
        }
        else if (engaged.Awaiting.Count == 0 && tracked.ActiveUntil >= _now && Choose(tracked, engaged.Tried) is >= 0 and var chosen)
        {
            Ask(engaged, chosen);
            _out.Send(_nodes[chosen], new RegenerationDue
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Orphan = engaged.Orphan,
            });
        }
        else
        {
            EndAsking(engaged);
        }
    }

    /// <summary>Who made the last value goes first; then those that offer to; then any, as some can regenerate what they never read.</summary>
    private int Choose(TrackedKey tracked, ulong tried)
    {
        if (tracked.Owner != TrackedKey.Nobody && (CoordinatorNodes.BitOf(tracked.Owner) & _nodes.Available & ~tried) != 0)
            return tracked.Owner;
        var offering = tracked.Offers & _nodes.Available & ~tried;
        if (offering == 0)
            offering = _nodes.Available & ~tried;
        if (offering == 0)
            return TrackedKey.Nobody;
        for (var skip = _random.Next(BitOperations.PopCount(offering)); skip > 0; skip--)
            offering &= offering - 1;
        return BitOperations.TrailingZeroCount(offering);
    }

    private void Ask(Engagement engaged, int node)
    {
        // One that no bit stands for is asked once, and then others are: it can't be marked as tried.
        engaged.Tried |= CoordinatorNodes.BitOf(node);
        engaged.Asked = node;
        engaged.AskedUntil = _now + s_patience;
        if (node >= CoordinatorNodes.MaximumOffering)
            engaged.Awaiting.RemoveAll(a => a.Node == node);
    }

    private static void EndAsking(Engagement engaged, bool keepTried = false)
    {
        engaged.Asked = TrackedKey.Nobody;
        engaged.AskedUntil = long.MaxValue;
        if (keepTried)
            return;
        engaged.Tried = 0;
        engaged.Orphan = null;
    }

    private void Schedule(TrackedKey tracked, TimeSpan? dueIn, TimeSpan activeFor, TimeSpan jitter)
    {
        tracked.ActiveUntil = _now + activeFor.Ticks;
        tracked.DueAt = dueIn is { } due && activeFor > TimeSpan.Zero ? _now + Math.Max(0, due.Ticks) + Random(jitter.Ticks) : long.MaxValue;
    }
}
