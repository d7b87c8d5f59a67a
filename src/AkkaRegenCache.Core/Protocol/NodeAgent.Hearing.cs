using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Notifications from and to other nodes; gaps in them; the store's life.</content>
internal partial class NodeAgent
{
    private const int CheckBatch = 512;

    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    private static readonly long s_lateness = TimeSpan.FromMilliseconds(250).Ticks;

    private readonly Dictionary<string, Publisher> _publishers = new(StringComparer.Ordinal);
    private readonly List<(string Key, long ActiveUntil)> _touches = [];
    private string _life = "";
    private long _sequence;
    private long _gaps;
    private long _lateUntil;
    private long _unsureAt = long.MaxValue;
    private long _pulseAt = long.MaxValue;
    private long _checkAt = long.MaxValue;
    private KeyState[]? _checking;
    private int _checked;
    private bool _checkAgain;

    /// <summary>A gap was found, or a publisher heard for the first time: something may have been missed. Overridden only to plant a bug.</summary>
    protected virtual void OnGap()
    {
        _gaps++;
        StartCheck();
    }

    /// <summary>
    /// What an operation brought is shown now, but something was missed while it was under way, when there was nothing to check yet: the
    /// store is asked once more.
    /// </summary>
    private void VerifyAcrossGap(StoreCall call)
    {
        if (call.GapsAtIssue != _gaps)
            Peek(call.State!, null);
    }

    /// <summary>Hears of a newer value of a key that this node knows. Overridden only to plant a bug.</summary>
    protected virtual void HearFresh(KeyState state, CacheNotification heard)
    {
        var isNews = heard.Token > state.NewestHeard;
        NoteToken(state, heard.Token);
        if (heard.Token == state.NewestHeard && (isNews || state.IsOutdated))
        {
            TouchIfMoreActive(state, heard.ActiveFor);
            var isWanted = state.InMemory || _detached.ContainsKey(state);
            if (heard.Payload is { } payload && IsSurelyNewer(state, heard.Token) && _now >= _lateUntil)
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
            }
        }

        WakeWaiting(state, heard.Token, heard.Token == state.NewestHeard ? heard.Payload : null);
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
        return _detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token);
    }

    private void OnHeard(CacheNotification heard)
    {
        if (heard.Publisher == _settings.NodeId)
            return;
        Follow(heard);
        if (heard.Kind == NotificationKind.Heartbeat || !_keys.TryGetValue(heard.Key, out var state))
            return;
        if (_life.Length != 0 && heard.Life != _life)
        {
            // One of the two has not noticed yet that the store began a new life. The store tells.
            StartCheck();
            if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                Claim(waiting);
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
    protected virtual bool Concerns(Flight flight, long token) => token >= flight.Awaited;

    /// <summary>Something was stored or removed: whoever waits for a generation of the key has waited long enough.</summary>
    private void WakeWaiting(KeyState state, long token, CachePayload? payload)
    {
        if (state.Flight is not { Phase: FlightPhase.Waiting } flight || token < flight.Awaited)
            return;
        var isNewEnough = flight.Why != ClaimReason.Refresh || (flight.Observed != 0 && token > flight.Observed);
        if (payload is null || !isNewEnough || flight.Awaited == 0)
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

    private void Follow(CacheNotification heard)
    {
        if (!_publishers.TryGetValue(heard.Publisher, out var publisher))
        {
            _publishers.Add(heard.Publisher, publisher = new Publisher());
            publisher.Last = heard.Sequence;
            OnGap();
        }
        else if (heard.Sequence > publisher.Last)
        {
            var isNext = heard.Sequence == publisher.Last + 1 && heard.Kind != NotificationKind.Heartbeat;
            publisher.Last = heard.Sequence;
            if (!isNext)
                OnGap();
        }

        publisher.HeardAt = _now;
        publisher.SilentAt = _now + (4 * _settings.Heartbeat);
    }

    /// <summary>Compares the tokens of all that memory shows with the store's, batch by batch.</summary>
    private void StartCheck()
    {
        if (_checking is not null)
        {
            _checkAgain = true;
            return;
        }

        _checking = [.. _keys.Values.Where(s => s.InMemory)];
        _checked = 0;
        _checkAgain = false;
        _checkAt = _now;
    }

    private void ServeCheck()
    {
        if (_checkAt > _now)
            return;
        _checkAt = long.MaxValue;
        if (_checking is null || _checked >= _checking.Length)
        {
            _checking = null;
            if (_checkAgain)
            {
                StartCheck();
                ServeCheck();
            }

            return;
        }

        var batch = _checking[_checked..Math.Min(_checking.Length, _checked + CheckBatch)];
        _out.Send(Peer.Store, new StoreCall { Keys = Array.ConvertAll(batch, s => s.Key), Checked = batch, IssuedAt = _now });
    }

    private void OnChecked(StoreCall call, CheckAnswer? answer)
    {
        if (answer is null)
        {
            _checkAt = _now + s_repairDelay;
            return;
        }

        for (var i = 0; i < answer.Checks.Count; i++)
        {
            var state = call.Checked![i];
            if (!state.InMemory)
                continue;
            var check = answer.Checks[i];
            if (check.Token > state.NewestHeard && check.IsRemoved)
                HearRemoved(state, check.Token);
            else if (check.Token > state.NewestHeard)
                NoteToken(state, check.Token);
            if (state.IsOutdated || state.Uncommitted)
                DueAgainIn(state, 0);
            Settle(state);
        }

        _checked += answer.Checks.Count;
        _checkAt = _now;
    }

    /// <summary>
    /// The store has begun a new life: it may have lost or turned back what it had accepted, and its tokens compare no longer. What memory
    /// shows goes on being served as if uncommitted; a record or tombstone of the new life wins. Overridden only to plant a bug.
    /// </summary>
    protected virtual void NoteLife(string life)
    {
        if (life == _life)
            return;
        var isFirst = _life.Length == 0;
        _life = life;
        if (isFirst)
            return;
        foreach (var state in _keys.Values)
        {
            state.NewestHeard = 0;
            if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
                Seal(flight);
            else if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                waiting.WakeAt = _now;
            if (state.InMemory)
                state.Uncommitted = true;
            state.Token = 0;
            if (state.Flight is { } left)
                Queue(left);
        }

        StartCheck();
    }

    /// <summary>
    /// Tells the store of this node's reads, where they keep a key active for much longer than the farm knows. So a key that one node reads and
    /// another regenerates stays active also when the reader dies.
    /// </summary>
    private void TouchIfMoreActive(KeyState state, TimeSpan knownFor)
    {
        if (state.Source is not { Profile: { IsScheduled: true } profile })
            return;
        var own = OwnActivity(state) - _now;
        if (own <= knownFor.Ticks + (profile.Retention / 4))
            return;
        _touches.Add((state.Key, state.ActiveUntil));
        if (_pulseAt == long.MaxValue)
            _pulseAt = _now + _settings.Heartbeat;
    }

    /// <summary>
    /// A pulse that comes far too late tells that this node was paused. Notifications that lay in its queue meanwhile give no value then:
    /// for how long one is still good, only the store can say.
    /// </summary>
    private void NoteLateness()
    {
        if (_pulseAt != long.MaxValue && _now - _pulseAt > s_lateness)
            _lateUntil = _now + s_lateness;
    }

    /// <summary>
    /// A change may have been done or not, or may be done yet. What would tell the others is made a notification that they missed: a number
    /// left out, once the change can't be on its way any longer, and everybody checks.
    /// </summary>
    private void NoteUnsure() => _unsureAt = _now + s_repairDelay;

    private void ServePulse()
    {
        if (_pulseAt > _now)
            return;
        _pulseAt = _sequence > 0 || _keys.Count > 0 || _publishers.Count > 0 ? _now + _settings.Heartbeat : long.MaxValue;
        if (_touches.Count > 0)
        {
            var activities = _touches.ConvertAll(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - _now))));
            _out.Send(Peer.Store, new StoreCall { Activities = activities });
            _touches.Clear();
        }

        if (_unsureAt <= _now)
        {
            _unsureAt = long.MaxValue;
            _sequence++;
            OnGap();
        }

        if (_sequence > 0)
        {
            _out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = _settings.NodeId,
                Sequence = _sequence,
                Kind = NotificationKind.Heartbeat,
                Life = _life,
            });
        }

        foreach (var (name, publisher) in _publishers)
        {
            if (_now - publisher.HeardAt > s_publisherForgotten)
            {
                _publishers.Remove(name);
            }
            else if (_now >= publisher.SilentAt)
            {
                // Dead, cut off, or gone: its last notification may have been lost with it. Asked again ever less often.
                publisher.SilentAt = _now + (2 * (_now - publisher.HeardAt));
                OnGap();
            }
        }
    }

    private void PublishFresh(string key, CachePayload payload, ChangeAnswer answer, long life) => Publish(new CacheNotification
    {
        Publisher = _settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Fresh,
        Life = _life,
        Key = key,
        Token = answer.Token,
        Payload = payload.Size <= _settings.InlineBytes ? payload : null,
        FreshFor = TimeSpan.FromTicks(life),
        DueIn = answer.DueIn,
        ActiveFor = answer.ActiveFor,
    });

    private void PublishEnd(NotificationKind kind, Flight flight, CachePayload? payload = null, GenerationFailure? failure = null) =>
        Publish(new CacheNotification
        {
            Publisher = _settings.NodeId,
            Sequence = NextSequence(),
            Kind = kind,
            Life = _life,
            Key = flight.State.Key,
            Token = flight.Token,
            Payload = payload,
            Failure = failure,
        });

    private void PublishRemoved(string key, long token) => Publish(new CacheNotification
    {
        Publisher = _settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Removed,
        Life = _life,
        Key = key,
        Token = token,
    });

    private void Publish(CacheNotification notification)
    {
        _out.Send(Peer.Bus, notification);
        if (_pulseAt == long.MaxValue)
            _pulseAt = _now + _settings.Heartbeat;
    }

    private long NextSequence() => ++_sequence;

    private sealed class Publisher
    {
        public long Last { get; set; }

        public long HeardAt { get; set; }

        /// <summary>When it counts as silent, should nothing more be heard of it.</summary>
        public long SilentAt { get; set; }
    }
}
