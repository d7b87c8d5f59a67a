using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Notifications of other nodes: new values, removals, ends of claims.</summary>
/// <remarks>
/// Publishers number their notifications; a missing number is a gap. A value in a notification is shown only if it is certainly newer than
/// anything this node has shown. Otherwise the store is read.
/// </remarks>
internal sealed class Receiving(
    Kernel kernel,
    StoreGate storeGate,
    Activity activity,
    Shown shown,
    Scheduling scheduling,
    Records records,
    DeadNodes deadNodes,
    WaitProbes waitProbes,
    Flights flights,
    AntiEntropy antiEntropy) : Component(kernel)
{
    private long _lateUntil;

    public Dictionary<string, KnownPublisher> Publishers { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Housekeeping that runs far too late shows that this node was paused. The values of notifications that were queued meanwhile are not
    /// used: only the store can say how long they are still fresh.
    /// </summary>
    public void NoteLateness()
    {
        if (Kernel.HousekeepingAt != long.MaxValue && Now - Kernel.HousekeepingAt > Publishing.Lateness)
            _lateUntil = Now + Publishing.Lateness;
    }

    private void Follow(CacheNotification heard)
    {
        deadNodes.OnSignOfLife(heard.Publisher);
        if (!Publishers.TryGetValue(heard.Publisher, out var publisher))
        {
            Publishers.Add(heard.Publisher, publisher = new KnownPublisher());
            publisher.Last = heard.Sequence;

            // A publisher without earlier notifications can't have a gap, so nodes that start cause no comparison.
            if (heard.Sequence > (heard.IsNumbered ? 1 : 0))
                antiEntropy.OnGap();
        }
        else if (heard.Sequence > publisher.Last)
        {
            var isNext = heard.Sequence == publisher.Last + 1 && heard.IsNumbered;
            publisher.Last = heard.Sequence;
            if (!isNext)
                antiEntropy.OnGap();
        }

        publisher.HeardAt = Now;
        publisher.SilentAt = Now + (4 * Settings.Heartbeat);
    }

    internal sealed class KnownPublisher
    {
        public long Last { get; set; }

        public long HeardAt { get; set; }

        /// <summary>When the publisher counts as silent, if no further message is received.</summary>
        public long SilentAt { get; set; }
    }

    /// <summary>Receives a newer value of a key that this node knows.</summary>
    private void HearFresh(KeyState state, CacheNotification heard)
    {
        if (Kernel.Omits(Step.HearFresh))
            return;
        var isNews = heard.Token > state.NewestHeard;
        var hasToBeRead = false;
        shown.NoteToken(state, heard.Token);
        if (isNews)
            state.Failures = 0;
        if (heard.Token == state.NewestHeard && (isNews || state.IsOutdated || flights.HasSuperseded(state)))
        {
            activity.TouchIfMoreActive(state, heard.ActiveFor);
            var isWanted = scheduling.IsWanted(state) || flights.HasSuperseded(state);
            if (heard.Payload is { } payload && IsSurelyNewer(state, heard.Token) && Now >= _lateUntil && !IsOutOfTurn(heard))
            {
                shown.Show(state, heard.Token, payload, Now + heard.FreshFor.Ticks);
                scheduling.DueIn(state, heard.DueIn, owner: false);
            }
            else
            {
                if (!state.InMemory)
                    scheduling.DueIn(state, heard.DueIn, owner: false);
                if (isWanted)
                    Kernel.Post(new Fact(FactKind.FetchWanted) { State = state });
                else
                    hasToBeRead = heard.Payload is not null && IsSurelyNewer(state, heard.Token);
            }
        }

        Kernel.Post(new Fact(FactKind.WaitOver) { State = state, Token = heard.Token,
            Payload = heard.Token == state.NewestHeard ? heard.Payload : null });
        if (hasToBeRead)
            Kernel.Post(new Fact(FactKind.LookWanted) { State = state });
    }

    /// <summary>
    /// Whether a received value is newer than anything this node has shown: newer than a committed value in memory, than the basis of an
    /// uncommitted one, or than a claim that was live when this node asked. If no token of the key is certain, the notification may be an
    /// old one that comes late, so the store is asked.
    /// </summary>
    private bool IsSurelyNewer(KeyState state, long token)
    {
        if (state.InMemory)
            return !state.Uncommitted || (state.Token != 0 && token > state.Token && shown.MayShow(state));
        if (state.Flight is { Phase: FlightPhase.Waiting, Awaited: > 0 } flight && token >= flight.Awaited)
            return true;
return flights.HasSupersededBelow(state, token);
    }

    /// <summary>
    /// Whether a later notification of its publisher came first. A notification missed between the two may be about this key, and the
    /// comparison that followed the gap ran before this value was there to compare.
    /// </summary>
    private bool IsOutOfTurn(CacheNotification heard) =>
        Publishers.TryGetValue(heard.Publisher, out var publisher) && heard.Sequence < publisher.Last;

    public void OnHeard(CacheNotification heard)
    {
        if (heard.Publisher == Settings.NodeId)
            return;
        Follow(heard);
        if (heard.Kind == NotificationKind.WaitProbe)
            waitProbes.HearProbe(heard);
        else
            Hear(heard);
    }

    public void Hear(CacheNotification heard)
    {
        if (!heard.IsNumbered || !Kernel.Keys.TryGetValue(heard.Key, out var state))
            return;

        // Tokens received before the first call of the store also belong to an epoch.
        if (Kernel.Epochs[state.Partition].Length == 0)
            storeGate.NoteEpoch(state.Partition, heard.Epoch);
        if (heard.Epoch != Kernel.Epochs[state.Partition])
        {
            // One of the two nodes has not noticed a new epoch yet. The store decides.
            antiEntropy.StartCheck();
            if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                flights.Claim(waiting);

            // In either case the value from before the removal must not be shown.
            if (heard.Kind == NotificationKind.Removed)
                shown.Forget(state);
        }
        else
        {
            switch (heard.Kind)
            {
                case NotificationKind.Fresh:
                    HearFresh(state, heard);
                    break;
                case NotificationKind.Removed:
                    records.HearRemoved(state, heard.Token);
                    break;
                default:
                    HearEnd(state, heard);
                    break;
            }
        }

        Kernel.Settle(state);
    }

    /// <summary>A claim ended without a stored value. The end of an older claim than the awaited one is ignored.</summary>
    private void HearEnd(KeyState state, CacheNotification heard)
    {
        // Every node counts the failure, so that the next one to try continues the backoff.
        if (heard.Kind == NotificationKind.Failed)
            state.Failures = (byte)Math.Min(state.Failures + 1, 30);

        // Nodes that found the claim held when the key was due need not wait for the end of its lease.
        if (state.DueAt != long.MaxValue)
            scheduling.DueAgainIn(state, heard.Kind == NotificationKind.Failed ? Delays.Repair : Delays.Retry);
        if (state.Flight is not { } flight)
            return;
        flight.EndHeard = Math.Max(flight.EndHeard, heard.Token);
        if (flight.Phase != FlightPhase.Waiting || !Concerns(flight, heard.Token))
            return;
        if (flight.Why == ClaimReason.Refresh && heard.Token <= flight.Observed)
        {
            flights.Claim(flight);
        }
        else if (heard.Kind == NotificationKind.Failed)
        {
            Kernel.AnswerFailure(flight.TakeWaiters(), heard.Failure);
            flights.End(flight);
        }
        else if (heard is { Kind: NotificationKind.Uncached, Payload: { } payload })
        {
            Kernel.AnswerValue(flight.TakeWaiters(), payload, heard.Token);
            flights.End(flight);
        }
        else
        {
            flights.AskAgain(flight);
        }
    }

    /// <summary>Whether the outcome of a claim ends a flight's wait for another one.</summary>
    private bool Concerns(Flight flight, long token) =>
        (flight.Awaited != 0 && token >= flight.Awaited) || Kernel.Omits(Step.PassOverOtherEnds);
}
