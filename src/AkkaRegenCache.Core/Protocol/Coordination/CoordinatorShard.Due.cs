using System.Numerics;

namespace AkkaRegenCache.Protocol;

/// <content>Due times: which nodes offer to regenerate a key, and which one is asked.</content>
internal sealed partial class CoordinatorShard
{
    private void OnOffered(int node, IReadOnlyList<OfferedKey> keys)
    {
        foreach (var offered in keys)
        {
            var tracked = KeyOf(offered.Key);
            tracked.Offers |= CoordinatorNodes.BitOf(node);
            if (offered.Token >= tracked.Token && tracked.DueAt == long.MaxValue
                && tracked.TrackedClaim is null or { Holder: TrackedKey.Nobody })
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
            if (tracked.TrackedClaim is { } over)
                EndAsking(over);
        }
        else if (declined.DueIn is { } dueIn)
        {
            tracked.DueAt = _now + Math.Max(0, dueIn.Ticks) + Random(TimeSpan.TicksPerMillisecond * 20);
            if (tracked.TrackedClaim is { } waiting)
                EndAsking(waiting);
        }
        else if (tracked.TrackedClaim is { } standing && standing.Asked == node)
        {
            AskNext(tracked);
        }

        Settle(tracked);
    }

    /// <summary>A node does not regenerate any more: other nodes are asked in its place.</summary>
    private void Unoffer(int node)
    {
        var bit = CoordinatorNodes.BitOf(node);
        foreach (var tracked in _keys.Values.ToArray())
        {
            tracked.Offers &= ~bit;
            if (tracked.Owner == node)
                tracked.Owner = TrackedKey.Nobody;
            if (tracked.TrackedClaim is { } standing && standing.Asked == node)
            {
                AskNext(tracked);
                Settle(tracked);
            }
        }
    }

    /// <summary>A key is due: asks one node to regenerate it.</summary>
    private void ServeDue(TrackedKey tracked)
    {
        if (Omits(Step.AskForDue))
            return;

        // The holder's outcome will bring the next due time. And the store would not grant a claim on an inactive key.
        if (tracked.TrackedClaim is { Holder: not TrackedKey.Nobody } || tracked.ActiveUntil < _now)
            return;
        var standing = StandingClaimOf(tracked);
        standing.Orphan = null;
        standing.Tried = 0;
        AskNext(tracked);
    }

    /// <summary>Asks the next candidate. With none left it gives up: the nodes' own timers and the end of the lease take over.</summary>
    private void AskNext(TrackedKey tracked)
    {
        var standing = tracked.TrackedClaim!;
        EndAsking(standing, keepTried: true);
        if (standing.Orphan is { } orphan
            && standing.Awaiting.FindIndex(a => (standing.Tried & CoordinatorNodes.BitOf(a.Node)) == 0) is >= 0 and var first)
        {
            var (node, token) = standing.Awaiting[first];
            Ask(standing, node);
            standing.AskedToken = token;
            _out.Send(_nodes[node], new ClaimOrphaned
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Token = token,
                Holder = orphan,
            });
        }
        else if (standing.Awaiting.Count == 0 && tracked.ActiveUntil >= _now && Choose(tracked, standing.Tried) is >= 0 and var chosen)
        {
            Ask(standing, chosen);
            _out.Send(_nodes[chosen], new RegenerationDue
            {
                Shard = _settings.Shard,
                Incarnation = _incarnation,
                Key = tracked.Key,
                Orphan = standing.Orphan,
            });
        }
        else
        {
            EndAsking(standing);
        }
    }

    /// <summary>
    /// The order: the node that made the last value, then nodes that offer the key, then any node, as some can regenerate keys they never
    /// read.
    /// </summary>
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

    private void Ask(TrackedClaim standing, int node)
    {
        // A node without a bit can't be marked as tried, so it is asked once and then others are.
        standing.Tried |= CoordinatorNodes.BitOf(node);
        standing.Asked = node;
        standing.AskedUntil = _now + s_patience;
        if (node >= CoordinatorNodes.MaximumOffering)
            standing.Awaiting.RemoveAll(a => a.Node == node);
    }

    private static void EndAsking(TrackedClaim standing, bool keepTried = false)
    {
        standing.Asked = TrackedKey.Nobody;
        standing.AskedUntil = long.MaxValue;
        if (keepTried)
            return;
        standing.Tried = 0;
        standing.Orphan = null;
    }

    private void Schedule(TrackedKey tracked, TimeSpan? dueIn, TimeSpan activeFor, TimeSpan jitter)
    {
        tracked.ActiveUntil = _now + activeFor.Ticks;
        tracked.DueAt = dueIn is { } due && activeFor > TimeSpan.Zero
            ? _now + Math.Max(0, due.Ticks) + Random(jitter.Ticks)
            : long.MaxValue;
    }
}
