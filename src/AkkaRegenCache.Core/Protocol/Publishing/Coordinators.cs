using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// Reports to the coordinators of this node's keys. No step waits for a coordinator: one that is dead, late or wrong only costs time.
/// </summary>
internal sealed class Coordinators(Kernel kernel, Activity activity) : Component(kernel)
{
    /// <summary>The number of keys in one offer.</summary>
    public const int OfferBatch = 256;

    /// <summary>The newest known incarnation of each shard's coordinator.</summary>
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
        EndsIn = TimeSpan.FromTicks(
            Settings.Lease + (flight.Profile ?? flight.State.Source?.Profile ?? flight.Waiters!.Profile).GenerationDeadline),
    };

    public void TellAwaited(Flight flight)
    {
        if (Incarnations.Length == 0)
            return;
        flight.IsAwaitReported = true;
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
        if (!flight.IsAwaitReported)
            return;
        flight.IsAwaitReported = false;
        Tell(flight.State.Shard, new AwaitEnded { Node = Settings.NodeId, Key = flight.State.Key });
    }

    /// <summary>Sends the coordinator what all nodes receive. The value is included only where a node may wait for it there.</summary>
    public void TellOutcome(CacheNotification notification, bool withValue)
    {
        if (Incarnations.Length == 0)
            return;
        var state = Kernel.Keys.GetValueOrDefault(notification.Key);
        var profile = state?.Source?.Profile;
        Tell(state?.Shard ?? Settings.ShardOf!(notification.Key), new OutcomeKnown
        {
            Node = Settings.NodeId,
            Outcome = notification with
            {
                Payload = withValue ? notification.Payload : null,
                Failure = notification.Failure?.WithoutException(),
            },
            Jitter = TimeSpan.FromTicks(profile?.Jitter ?? 0),
            Offers = profile is { IsScheduled: true },
        });
    }

    public void TellDeclined(KeyState state, bool isOver, TimeSpan? dueIn)
    {
        if (Incarnations.Length > 0)
            Tell(state.Shard, new RegenerationDeclined { Node = Settings.NodeId, Key = state.Key, IsOver = isOver, DueIn = dueIn });
    }

    /// <summary>This node can regenerate the key: the coordinator is told with the next heartbeat.</summary>
    public void Offer(KeyState state)
    {
        if (Incarnations.Length == 0 || state.Offered)
            return;
        state.Offered = true;
        _toOffer.Add(state);
        Kernel.WakeHousekeeping();
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

        // Too early is better than too late, because the store refuses a claim that is too early. Without a due time a flight is under way
        // here; the time counts if that flight fails.
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
