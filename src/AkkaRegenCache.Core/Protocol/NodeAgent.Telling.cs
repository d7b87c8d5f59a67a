using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>What this node tells the others: notifications, the pulse, touches.</content>
internal partial class NodeAgent
{
    private static readonly long s_lateness = TimeSpan.FromMilliseconds(250).Ticks;

    private readonly List<(string Key, long ActiveUntil)> _touches = [];

    /// <summary>The numbers of commits that tell of themselves, oldest first, with those that are done.</summary>
    private readonly Queue<(Flight Flight, long Number)> _announced = new();
    private long _sequence;
    private long _unsureAt = long.MaxValue;
    private long _pulseAt = long.MaxValue;

    private void PublishFresh(string key, CachePayload payload, ChangeAnswer answer, long life, bool isAwaited = false) => Publish(new CacheNotification
    {
        Publisher = _settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Fresh,
        Life = _lives[PartOf(key)],
        Key = key,
        Token = answer.Token,
        Payload = payload.Size <= _settings.InlineBytes ? payload : null,
        FreshFor = TimeSpan.FromTicks(life),
        DueIn = answer.DueIn,
        ActiveFor = answer.ActiveFor,
    }, isAwaited);

    /// <summary>
    /// The store tells the others in the step in which it accepts. The number is given out now: what this node sends later comes later, on the same
    /// way.
    /// </summary>
    private CommitAnnouncement Announce(Flight flight, CachePayload payload)
    {
        if (_pulseAt == long.MaxValue)
            _pulseAt = _now + _settings.Heartbeat;
        var announcement = new CommitAnnouncement(_settings.NodeId, NextSequence(), payload.Size <= _settings.InlineBytes);
        _announced.Enqueue((flight, announcement.Sequence));
        return announcement;
    }

    /// <summary>
    /// The newest number that others must have heard: not that of a commit which the store hasn't answered. Whoever missed it would compare too early, and
    /// never again.
    /// </summary>
    private long LastTold()
    {
        while (_announced.TryPeek(out var oldest) && oldest.Flight.IsEnded)
            _announced.Dequeue();
        return _announced.TryPeek(out var first) ? first.Number - 1 : _sequence;
    }

    /// <summary>A commit that took long has told of itself when later numbers were out already: should that be lost, only a number left out is noticed.</summary>
    private void NoteLateAnnouncement(StoreCall call, CommitAnnouncement announcement)
    {
        if (announcement.Sequence < _sequence && (call.Attempt > 0 || _now - call.IssuedAt > s_lateness))
            NoteUnsure();
    }

    private void PublishEnd(NotificationKind kind, Flight flight, CachePayload? payload = null, GenerationFailure? failure = null) =>
        Publish(new CacheNotification
        {
            Publisher = _settings.NodeId,
            Sequence = NextSequence(),
            Kind = kind,
            Life = _lives[flight.State.Part],
            Key = flight.State.Key,
            Token = flight.Token,
            Payload = payload,
            Failure = failure,
        }, withValue: true);

    private void PublishRemoved(string key, long token) => Publish(new CacheNotification
    {
        Publisher = _settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Removed,
        Life = _lives[PartOf(key)],
        Key = key,
        Token = token,
    });

    private void Publish(CacheNotification notification, bool withValue = false)
    {
        _out.Send(Peer.Bus, notification);
        TellOutcome(notification, withValue);
        if (_pulseAt == long.MaxValue)
            _pulseAt = _now + _settings.Heartbeat;
    }

    private long NextSequence() => ++_sequence;

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
            foreach (var part in _touches.GroupBy(t => PartOf(t.Key)).ToArray())
            {
                Send(new StoreCall
                {
                    Activities = [.. part.Select(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - _now))))],
                    Part = part.Key,
                });
            }

            _touches.Clear();
        }

        if (_unsureAt <= _now)
        {
            _unsureAt = long.MaxValue;
            _sequence++;
            OnGap();
        }

        // From its first key on, also before it has anything to tell: a node that is known is missed when it dies.
        if (_sequence > 0 || _keys.Count > 0)
        {
            _out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = _settings.NodeId,
                Sequence = LastTold(),
                Kind = NotificationKind.Heartbeat,
                Life = _lives[0],
            });
        }

        TellOffers();
        AskForLife();
        if (_recheckAt <= _now)
        {
            _recheckAt = long.MaxValue;
            StartCheck();
        }

        if (_sweepAt == 0)
            _sweepAt = _now + s_sweep;
        else if (_sweepAt <= _now)
            StartSweep();
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
}
