using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>What other nodes tell: new values, removals, the ends of claims.</content>
internal partial class NodeAgent
{
    /// <summary>The life of each part of the store; empty: not known yet.</summary>
    private readonly string[] _lives;

    private long _lateUntil;

    /// <summary>Hears of a newer value of a key that this node knows. Overridden only to plant a bug.</summary>
    protected virtual void HearFresh(KeyState state, CacheNotification heard)
    {
        var isNews = heard.Token > state.NewestHeard;
        var hasToBeRead = false;
        NoteToken(state, heard.Token);
        if (isNews)
            state.Failures = 0;
        if (heard.Token == state.NewestHeard && (isNews || state.IsOutdated || _detached.ContainsKey(state)))
        {
            TouchIfMoreActive(state, heard.ActiveFor);
            var isWanted = IsWanted(state) || _detached.ContainsKey(state);
            if (heard.Payload is { } payload && IsSurelyNewer(state, heard.Token) && _now >= _lateUntil && !IsOutOfTurn(heard))
            {
                Show(state, heard.Token, payload, _now + heard.FreshFor.Ticks);
                DueIn(state, heard.DueIn, owner: false);
            }
            else
            {
                if (!state.InMemory)
                    DueIn(state, heard.DueIn, owner: false);
                if (isWanted)
                    Fetch(state);
                else
                    hasToBeRead = heard.Payload is not null && IsSurelyNewer(state, heard.Token);
            }
        }

        WakeWaiting(state, heard.Token, heard.Token == state.NewestHeard ? heard.Payload : null);
        if (hasToBeRead)
            Peek(state, null);
    }

    /// <summary>
    /// Whether a value heard of is newer than anything this node has shown: newer than a committed one in memory, than what an uncommitted
    /// one was based on, or than a claim that was live when this node asked. Where nothing certain is known of the key, the notification
    /// may be an old one that comes late, and the store is asked.
    /// </summary>
    private bool IsSurelyNewer(KeyState state, long token)
    {
        if (state.InMemory)
            return !state.Uncommitted || (state.Token != 0 && token > state.Token && MayShow(state));
        if (state.Flight is { Phase: FlightPhase.Waiting, Awaited: > 0 } flight && token >= flight.Awaited)
            return true;
        return _detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token);
    }

    /// <summary>
    /// Whether something later was heard of its publisher before. What was missed between the two may be of this key, and was looked for when there was
    /// nothing to compare yet.
    /// </summary>
    private bool IsOutOfTurn(CacheNotification heard) => _publishers.TryGetValue(heard.Publisher, out var publisher) && heard.Sequence < publisher.Last;

    private void OnHeard(CacheNotification heard)
    {
        if (heard.Publisher == _settings.NodeId)
            return;
        Follow(heard);
        Hear(heard);
    }

    private void Hear(CacheNotification heard)
    {
        if (heard.Kind == NotificationKind.Heartbeat || !_keys.TryGetValue(heard.Key, out var state))
            return;

        // Tokens heard of before the store was ever asked belong to a life, too.
        if (_lives[state.Part].Length == 0)
            NoteLife(state.Part, heard.Life);
        if (heard.Life != _lives[state.Part])
        {
            // One of the two has not noticed yet that the store began a new life. The store tells.
            StartCheck();
            if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                Claim(waiting);

            // Whichever of the two it is, what was there before the removal must not be shown.
            if (heard.Kind == NotificationKind.Removed)
                Forget(state);
        }
        else
        {
            switch (heard.Kind)
            {
                case NotificationKind.Fresh:
                    HearFresh(state, heard);
                    break;
                case NotificationKind.Removed:
                    HearRemoved(state, heard.Token);
                    break;
                default:
                    HearEnd(state, heard);
                    break;
            }
        }

        Settle(state);
    }

    private void HearRemoved(KeyState state, long token)
    {
        NoteToken(state, token);
        if (token < state.NewestHeard || (state.InMemory && state.Token > token))
        {
            // Something newer is on its way; what was before the removal must not be shown until then.
            if (state.InMemory && state.Token < token)
                Forget(state);
            return;
        }

        Unschedule(state);
        Forget(state);
        state.Token = 0;
        WakeWaiting(state, token, null);
    }

    /// <summary>A claim ended without a stored value. One older than what is waited for doesn't matter here.</summary>
    private void HearEnd(KeyState state, CacheNotification heard)
    {
        // Counted by all who hear of it, so that the next one to try goes on where this one was.
        if (heard.Kind == NotificationKind.Failed)
            state.Failures = (byte)Math.Min(state.Failures + 1, 30);

        // Whoever found the claim held when the key was due needn't wait for the end of its lease.
        if (state.DueAt != long.MaxValue)
            DueAgainIn(state, heard.Kind == NotificationKind.Failed ? s_repairDelay : s_retryDelay);
        if (state.Flight is not { } flight)
            return;
        flight.EndHeard = Math.Max(flight.EndHeard, heard.Token);
        if (flight.Phase != FlightPhase.Waiting || !Concerns(flight, heard.Token))
            return;
        if (flight.Why == ClaimReason.Refresh && heard.Token <= flight.Observed)
        {
            Claim(flight);
        }
        else if (heard.Kind == NotificationKind.Failed)
        {
            AnswerFailure(flight.TakeWaiters(), heard.Failure);
            End(flight);
        }
        else if (heard is { Kind: NotificationKind.Uncached, Payload: { } payload })
        {
            AnswerValue(flight.TakeWaiters(), payload, heard.Token);
            End(flight);
        }
        else
        {
            AskAgain(flight);
        }
    }

    /// <summary>Whether the outcome of a claim concerns those who wait for another one. Overridden only to plant a bug.</summary>
    protected virtual bool Concerns(Flight flight, long token) => flight.Awaited != 0 && token >= flight.Awaited;

    /// <summary>Something was stored or removed: whoever waits for a generation of the key has waited long enough.</summary>
    private void WakeWaiting(KeyState state, long token, CachePayload? payload)
    {
        if (state.Flight is not { Phase: FlightPhase.Waiting } flight || token < flight.Awaited)
            return;
        var isNewEnough = flight.Why != ClaimReason.Refresh || (flight.Observed != 0 && token > flight.Observed);
        if (payload is null || !isNewEnough || flight.Awaited == 0 || !MayShow(state))
        {
            AskAgain(flight);
            return;
        }

        AnswerValue(flight.TakeWaiters(), payload, token);
        End(flight);
    }

    /// <summary>
    /// A key has a newer token. A flight that runs under an older one is overtaken.
    /// </summary>
    private void NoteToken(KeyState state, long token)
    {
        if (token <= state.NewestHeard)
            return;
        state.NewestHeard = token;
        if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight && flight.Token < token)
            Seal(flight);
    }
}
