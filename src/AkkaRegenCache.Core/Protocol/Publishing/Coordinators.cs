using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What this node tells the coordinators of its keys. Nothing here is waited for: one that is gone, late or wrong costs time alone.</summary>
internal sealed class Coordinators(Kernel kernel, Activity activity) : Component(kernel)
{
    /// <summary>So many keys are offered in one message.</summary>
    public const int OfferBatch = 256;

    /// <summary>The newest incarnation heard of each shard's coordinator.</summary>
    public long[] Incarnations { get; } = new long[kernel.Settings.Shards];

    private readonly List<KeyState> _toOffer = [];

    public void Tell(int shard, ToCoordinator message) => Out.Send(Peer.Coordinator, new CoordinatorCall(shard, message));

    public void TellHeld(Flight flight)
    {
        if (Incarnations.Length > 0)
            Tell(flight.State.Shard, Held(flight));
    }

    public ClaimHeld Held(Flight flight) => new()
    {
        Node = Settings.NodeId,
        Key = flight.State.Key,
        Token = flight.Token,
        EndsIn = TimeSpan.FromTicks(Settings.Lease + (flight.Profile ?? flight.State.Source?.Profile ?? flight.Waiters!.Profile).GenerationDeadline),
    };

    public void TellAwaited(Flight flight)
    {
        if (Incarnations.Length == 0)
            return;
        flight.IsAwaitTold = true;
        Tell(flight.State.Shard, Awaited(flight));
    }

    public ClaimAwaited Awaited(Flight flight) => new()
    {
        Node = Settings.NodeId,
        Key = flight.State.Key,
        Token = flight.Awaited,
        Holder = flight.AwaitedHolder,
    };

    public void TellAwaitEnded(Flight flight)
    {
        if (!flight.IsAwaitTold)
            return;
        flight.IsAwaitTold = false;
        Tell(flight.State.Shard, new AwaitEnded { Node = Settings.NodeId, Key = flight.State.Key });
    }

    /// <summary>What all nodes are told the coordinator is told as well; the value only where somebody may wait for it there.</summary>
    public void TellOutcome(CacheNotification notification, bool withValue)
    {
        if (Incarnations.Length == 0)
            return;
        var state = Kernel.Keys.GetValueOrDefault(notification.Key);
        var profile = state?.Source?.Profile;
        Tell(state?.Shard ?? Settings.ShardOf!(notification.Key), new OutcomeKnown
        {
            Node = Settings.NodeId,
            Outcome = notification with { Payload = withValue ? notification.Payload : null, Failure = notification.Failure?.WithoutException() },
            Jitter = TimeSpan.FromTicks(profile?.Jitter ?? 0),
            Offers = profile is { IsScheduled: true },
        });
    }

    public void TellDeclined(KeyState state, bool isOver, TimeSpan? dueIn)
    {
        if (Incarnations.Length > 0)
            Tell(state.Shard, new RegenerationDeclined { Node = Settings.NodeId, Key = state.Key, IsOver = isOver, DueIn = dueIn });
    }

    /// <summary>This node can regenerate the key: its coordinator is told with the next pulse.</summary>
    public void Offer(KeyState state)
    {
        if (Incarnations.Length == 0 || state.Offered)
            return;
        state.Offered = true;
        _toOffer.Add(state);
        Kernel.WakePulse();
    }

    public void TellOffers()
    {
        if (_toOffer.Count == 0)
            return;
        foreach (var shard in _toOffer.Where(s => s is { IsGone: false, Offered: true, Source: not null }).GroupBy(s => s.Shard).ToArray())
        {
            foreach (var batch in shard.Chunk(OfferBatch))
                Tell(shard.Key, new KeysOffered { Node = Settings.NodeId, Keys = Array.ConvertAll(batch, OfferOf) });
        }

        _toOffer.Clear();
    }

    public OfferedKey OfferOf(KeyState state)
    {
        var profile = state.Source!.Profile;

        // Rather too early than too late: the store says when it is too early. Without a time here it is being seen to right now, should that end well.
        var dueAt = state.DueAt != long.MaxValue ? state.DueAt - profile.Grace - profile.Jitter : Now + Delays.Repair;
        TimeSpan? dueIn = state.Unscheduled ? null : TimeSpan.FromTicks(Math.Max(0, dueAt - Now));
        var activeFor = TimeSpan.FromTicks(Math.Max(0, activity.OwnActivity(state) - Now));
        return new OfferedKey(state.Key, state.Token, dueIn, activeFor, TimeSpan.FromTicks(profile.Jitter));
    }

    public void TellLeaving()
    {
        for (var shard = 0; shard < Incarnations.Length; shard++)
            Tell(shard, new NodeLeaving { Node = Settings.NodeId });
    }
}
