using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class Hearing(Kernel kernel) : Component(kernel)
{
    public Dictionary<string, Publisher> Publishers { get; } = new(StringComparer.Ordinal);

    private void Follow(CacheNotification heard)
    {
        DeadNodes.OnSignOfLife(heard.Publisher);
        if (!Publishers.TryGetValue(heard.Publisher, out var publisher))
        {
            Publishers.Add(heard.Publisher, publisher = new Publisher());
            publisher.Last = heard.Sequence;

            // Of one that has said nothing yet, or says its first, nothing was missed: nodes that start cost the others no comparison.
            if (heard.Sequence > (heard.Kind == NotificationKind.Heartbeat ? 0 : 1))
                Checking.OnGap();
        }
        else if (heard.Sequence > publisher.Last)
        {
            var isNext = heard.Sequence == publisher.Last + 1 && heard.Kind != NotificationKind.Heartbeat;
            publisher.Last = heard.Sequence;
            if (!isNext)
                Checking.OnGap();
        }

        publisher.HeardAt = Now;
        publisher.SilentAt = Now + (4 * Settings.Heartbeat);
    }

    internal sealed class Publisher
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
        Shown.NoteToken(state, heard.Token);
        if (isNews)
            state.Failures = 0;
        if (heard.Token == state.NewestHeard && (isNews || state.IsOutdated || Flights.Detached.ContainsKey(state)))
        {
            Activity.TouchIfMoreActive(state, heard.ActiveFor);
            var isWanted = Scheduling.IsWanted(state) || Flights.Detached.ContainsKey(state);
            if (heard.Payload is { } payload && IsSurelyNewer(state, heard.Token) && Now >= Pulse.LateUntil && !IsOutOfTurn(heard))
            {
                Shown.Show(state, heard.Token, payload, Now + heard.FreshFor.Ticks);
                Scheduling.DueIn(state, heard.DueIn, owner: false);
            }
            else
            {
                if (!state.InMemory)
                    Scheduling.DueIn(state, heard.DueIn, owner: false);
                if (isWanted)
                    Scheduling.Fetch(state);
                else
                    hasToBeRead = heard.Payload is not null && IsSurelyNewer(state, heard.Token);
            }
        }

        Flights.WakeWaiting(state, heard.Token, heard.Token == state.NewestHeard ? heard.Payload : null);
        if (hasToBeRead)
            Flights.Peek(state, null);
    }

    /// <summary>
    /// Whether a value heard of is newer than anything this node has shown: newer than a committed one in memory, or than a claim that was
    /// live when this node asked. Where nothing certain is known of the key, the notification may be an old one that comes late, and the
    /// store is asked.
    /// </summary>
    private bool IsSurelyNewer(KeyState state, long token)
    {
        if (state.InMemory)
            return !state.Uncommitted;
        if (state.Flight is { Phase: FlightPhase.Waiting, Awaited: > 0 } flight && token >= flight.Awaited)
            return true;
        return Flights.Detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token);
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
        Hear(heard);
    }

    public void Hear(CacheNotification heard)
    {
        if (heard.Kind == NotificationKind.Heartbeat || !Kernel.Keys.TryGetValue(heard.Key, out var state))
            return;

        // Tokens heard of before the store was ever asked belong to a life, too.
        if (Kernel.Lives[state.Part].Length == 0)
            StoreHealth.NoteLife(state.Part, heard.Life);
        if (heard.Life != Kernel.Lives[state.Part])
        {
            // One of the two has not noticed yet that the store began a new life. The store tells.
            Checking.StartCheck();
            if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                Flights.Claim(waiting);

            // Whichever of the two it is, what was there before the removal must not be shown.
            if (heard.Kind == NotificationKind.Removed)
                Shown.Forget(state);
        }
        else
        {
            switch (heard.Kind)
            {
                case NotificationKind.Fresh:
                    HearFresh(state, heard);
                    break;
                case NotificationKind.Removed:
                    Records.HearRemoved(state, heard.Token);
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
            Scheduling.DueAgainIn(state, heard.Kind == NotificationKind.Failed ? Delays.Repair : Delays.Retry);
        if (state.Flight is not { } flight)
            return;
        flight.EndHeard = Math.Max(flight.EndHeard, heard.Token);
        if (flight.Phase != FlightPhase.Waiting || !Concerns(flight, heard.Token))
            return;
        if (flight.Why == ClaimReason.Refresh && heard.Token <= flight.Observed)
        {
            Flights.Claim(flight);
        }
        else if (heard.Kind == NotificationKind.Failed)
        {
            Kernel.AnswerFailure(flight.TakeWaiters(), heard.Failure);
            Flights.End(flight);
        }
        else if (heard is { Kind: NotificationKind.Uncached, Payload: { } payload })
        {
            Kernel.AnswerValue(flight.TakeWaiters(), payload, heard.Token);
            Flights.End(flight);
        }
        else
        {
            Flights.AskAgain(flight);
        }
    }

    /// <summary>Whether the outcome of a claim concerns those who wait for another one.</summary>
    private bool Concerns(Flight flight, long token) =>
        (flight.Awaited != 0 && token >= flight.Awaited) || Kernel.Omits(Step.PassOverOtherEnds);
}
