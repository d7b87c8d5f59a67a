using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What other nodes tell: new values, removals, the ends of claims.</summary>
/// <remarks>
/// Publishers number what they say; a number left out is a gap. A value that came with a notification is shown only where it is surely newer than anything this node has shown;
/// else the store is read.
/// </remarks>
internal sealed class Receiving(Kernel kernel, StoreGate storeGate, Activity activity, Shown shown, Scheduling scheduling, Records records, DeadNodes deadNodes, WaitProbes waitProbes, Flights flights, AntiEntropy checking) : Component(kernel)
{
    private long _lateUntil;

    public Dictionary<string, KnownPublisher> Publishers { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// A pulse that comes far too late tells that this node was paused. Notifications that lay in its queue meanwhile give no value then:
    /// for how long one is still good, only the store can say.
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

            // Of one that has said nothing yet, or says its first, nothing was missed: nodes that start cost the others no comparison.
            if (heard.Sequence > (heard.IsNumbered ? 1 : 0))
                checking.OnGap();
        }
        else if (heard.Sequence > publisher.Last)
        {
            var isNext = heard.Sequence == publisher.Last + 1 && heard.IsNumbered;
            publisher.Last = heard.Sequence;
            if (!isNext)
                checking.OnGap();
        }

        publisher.HeardAt = Now;
        publisher.SilentAt = Now + (4 * Settings.Heartbeat);
    }

    internal sealed class KnownPublisher
    {
        public long Last { get; set; }

        public long HeardAt { get; set; }

        /// <summary>When it counts as silent, should nothing more be heard of it.</summary>
        public long SilentAt { get; set; }
    }

    /// <summary>Hears of a newer value of a key that this node knows.</summary>
    private void HearFresh(KeyState state, CacheNotification heard)
    {
        if (Kernel.Omits(Step.HearFresh))
            return;
        var isNews = heard.Token > state.NewestHeard;
        var hasToBeRead = false;
        shown.NoteToken(state, heard.Token);
        if (isNews)
            state.Failures = 0;
        if (heard.Token == state.NewestHeard && (isNews || state.IsOutdated || flights.HasOvertaken(state)))
        {
            activity.TouchIfMoreActive(state, heard.ActiveFor);
            var isWanted = scheduling.IsWanted(state) || flights.HasOvertaken(state);
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

        Kernel.Post(new Fact(FactKind.WaitOver) { State = state, Token = heard.Token, Payload = heard.Token == state.NewestHeard ? heard.Payload : null });
        if (hasToBeRead)
            Kernel.Post(new Fact(FactKind.LookWanted) { State = state });
    }

    /// <summary>
    /// Whether a value heard of is newer than anything this node has shown: newer than a committed one in memory, than what an uncommitted one was based on, or than
    /// a claim that was live when this node asked. Where nothing certain is known of the key, the notification may be an old one that comes late, and the
    /// store is asked.
    /// </summary>
    private bool IsSurelyNewer(KeyState state, long token)
    {
        if (state.InMemory)
            return !state.Uncommitted || (state.Token != 0 && token > state.Token && shown.MayShow(state));
        if (state.Flight is { Phase: FlightPhase.Waiting, Awaited: > 0 } flight && token >= flight.Awaited)
            return true;
return flights.HasOvertakenBelow(state, token);
    }

    /// <summary>
    /// Whether something later was heard of its publisher before. What was missed between the two may be of this key, and was looked for when there was
    /// nothing to compare yet.
    /// </summary>
    private bool IsOutOfTurn(CacheNotification heard) => Publishers.TryGetValue(heard.Publisher, out var publisher) && heard.Sequence < publisher.Last;

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

        // Tokens heard of before the store was ever asked belong to an epoch, too.
        if (Kernel.Epochs[state.Partition].Length == 0)
            storeGate.NoteEpoch(state.Partition, heard.Epoch);
        if (heard.Epoch != Kernel.Epochs[state.Partition])
        {
            // One of the two has not noticed yet that the store began a new epoch. The store tells.
            checking.StartCheck();
            if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                flights.Claim(waiting);

            // Whichever of the two it is, what was there before the removal must not be shown.
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

    /// <summary>A claim ended without a stored value. One older than what is waited for doesn't matter here.</summary>
    private void HearEnd(KeyState state, CacheNotification heard)
    {
        // Counted by all who hear of it, so that the next one to try goes on where this one was.
        if (heard.Kind == NotificationKind.Failed)
            state.Failures = (byte)Math.Min(state.Failures + 1, 30);

        // Whoever found the claim held when the key was due needn't wait for the end of its lease.
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

    /// <summary>Whether the outcome of a claim concerns those who wait for another one.</summary>
    private bool Concerns(Flight flight, long token) =>
        (flight.Awaited != 0 && token >= flight.Awaited) || Kernel.Omits(Step.PassOverOtherEnds);
}
