using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Without the store: what is sent, what waits, and how it goes on when the store is back.</content>
internal partial class NodeAgent
{
    /// <summary>So many waiting changes are sent at the same time when the store is back.</summary>
    private const int MaximumFlushing = 64;

    /// <summary>When the store is back, what waited for it is spread over this.</summary>
    private static readonly long s_spread = TimeSpan.FromMilliseconds(200).Ticks;

    /// <summary>After so long without any call the store is asked whether it is still the same.</summary>
    private static readonly long s_quiet = TimeSpan.FromSeconds(2).Ticks;

    private const int PartsAskedAtOnce = 4;

    /// <summary>The same of a part of a store.</summary>
    private static readonly long s_partQuiet = TimeSpan.FromSeconds(8).Ticks;

    /// <summary>How long something due waits for the store's return before it looks again.</summary>
    private static readonly long s_longWait = TimeSpan.FromSeconds(30).Ticks;

    private readonly CircuitBreaker _breaker;

    /// <summary>The changes of each key that wait for the store, oldest first.</summary>
    private readonly Dictionary<KeyState, List<PendingChange>> _queues = [];

    /// <summary>Calls about a key that must not be answered before its changes have got to the store.</summary>
    private readonly Dictionary<KeyState, List<StoreCall>> _parkedCalls = [];

    private readonly Queue<PendingChange> _toFlush = new();
    private readonly Queue<StoreCall> _notSent = new();
    private readonly List<KeyState> _parked = [];
    /// <summary>A key of each part, while there is one; to ask with.</summary>
    private readonly KeyState?[] _samples;

    /// <summary>The key that the store has answered for last, and the one that it was not asked for last because it counts as down.</summary>
    private KeyState? _answered;

    private KeyState? _wanted;
    private bool _probesWanted;
    private readonly long[] _partsAskedAt;
    private int _lastPart;
    private long _askedAt;
    private int _queued;
    private int _flushing;

    /// <summary>Whether the store counts as down. May be read from any thread.</summary>
    public bool IsStoreDown => _breaker.IsOpen;

    /// <summary>Sets and removals that wait for the store.</summary>
    public int PendingChanges => _queued;

    /// <summary>The store answers again after it counted as down. Overridden only to plant a bug.</summary>
    protected virtual void OnStoreBack()
    {
        if (_held.Count > 0)
            _renewAt = _now;
        if (_checkAt != long.MaxValue)
            _checkAt = _now;
        foreach (var state in _parked)
        {
            state.Parked = false;
            if (state.IsGone)
                continue;
            state.DueAt = Math.Min(state.DueAt, _now + Random(s_spread));
            Queue(state);
        }

        _parked.Clear();
        foreach (var queue in _queues.Values)
            _toFlush.Enqueue(queue[0]);
    }

    /// <summary>
    /// Whether what the store or another node says of a key may be shown: not while this node shows a change of its own, since only the store can
    /// tell which of the two is newer. Overridden only to plant a bug.
    /// </summary>
    protected virtual bool MayShow(KeyState state) => LastApplied(state) is null;

    /// <summary>Sends a call to the store, or lets it fail at once: nobody waits for a store that is down.</summary>
    private void Send(StoreCall call)
    {
        call.Timeout = call.IsProbe || call.IsSignOfLife ? _settings.ReadTimeout / 2 : _settings.WriteTimeout;
        if (call.Request is ReadRequest or ClaimRequest)
        {
            call.Timeout = call.Peeker is { Kind: WaiterKind.Peek } ? _settings.ReadTimeout : _settings.ReadTimeout / 2;
            if (call.Flight is { } flight)
                call.Timeout = Math.Min(call.Timeout, flight.AsksUntil - _now);
            if (_queues.TryGetValue(call.State!, out var queue) && (queue[0].IsInFlight || (queue[0].Tries == 0 && !_breaker.IsOpen)))
            {
                // It is on its way, or will be before this step ends.
                Park(call);
                return;
            }

            if (queue is not null)
                call.Timeout = 0;
        }

        if (call.Timeout <= 0 || (_breaker.IsOpen && !call.IsProbe && !call.IsReturn))
        {
            _wanted = call.State ?? _wanted;
            _notSent.Enqueue(call);
            return;
        }

        _askedAt = _now;
        _partsAskedAt[call.Part] = _now;
        _out.Send(Peer.Store, call);
    }

    private void ServeNotSent()
    {
        while (_notSent.TryDequeue(out var call))
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
    }

    /// <summary>Counts how the store does.</summary>
    private void NoteHealth(StoreReplied reply)
    {
        switch (reply.Fault)
        {
            case StoreFault.NotSent:
                break;
            case StoreFault.Failed or StoreFault.TimedOut:
                if (_breaker.OnFailed(reply.Call.IsProbe, _now))
                    _out.Send(Peer.Store, new StoreHealthChanged(isDown: true));
                break;
            default:
                _answered = reply.Call.State ?? (reply.Call.Checked is [var probed] ? probed : _answered);
                if (_breaker.OnSucceeded(reply.Call.IsProbe))
                {
                    _out.Send(Peer.Store, new StoreHealthChanged(isDown: false));
                    OnStoreBack();
                }

                break;
        }
    }

    private void ServeProbe()
    {
        if (_breaker.ProbeAt <= _now)
            Probe();
    }

    private void Probe()
    {
        _breaker.OnProbing();
        var state = _lives.Length > 1 ? NextSample() : NextProbed();
        Send(new StoreCall { Keys = [state?.Key ?? "?"], Checked = state is null ? null : [state], IsProbe = true, Part = state?.Part ?? PartOf("?"), IssuedAt = _now });
    }

    /// <summary>
    /// Where some of a store's servers are down (a master of a Redis Cluster), the others must not be taken for down with them: so the key that was answered for last
    /// is asked for, and while the store counts as down every other time the one that somebody wants.
    /// </summary>
    private KeyState? NextProbed()
    {
        _probesWanted = _breaker.IsOpen && !_probesWanted;
        var (first, second) = _probesWanted ? (_wanted, _answered) : (_answered, _wanted);
        return first is { IsGone: false } ? first : second is { IsGone: false } ? second : _keys.Count > 0 ? _keys.Values.First() : null;
    }

    /// <summary>
    /// A node that serves everything from memory doesn't notice that the store has begun a new life, and goes on showing what that has lost: it
    /// asks for a sign of life now and then.
    /// </summary>
    private void AskForLife()
    {
        if (_lives.Length > 1)
        {
            AskPartsForLife();
            return;
        }

        if (_now - _askedAt < s_quiet || _keys.Count == 0 || _breaker.IsOpen || _breaker.ProbeAt != long.MaxValue)
            return;
        Probe();
    }

    /// <summary>The same for each part of a store, some at a time: none of them tells of another's life.</summary>
    private void AskPartsForLife()
    {
        for (var (i, asked) = (0, 0); i < _lives.Length && asked < PartsAskedAtOnce; i++)
        {
            _lastPart = (_lastPart + 1) % _lives.Length;
            if (_now - _partsAskedAt[_lastPart] < s_partQuiet || SampleOf(_lastPart) is not { } sample)
                continue;
            asked++;
            Send(new StoreCall { Keys = [sample.Key], Checked = [sample], IsSignOfLife = true, Part = _lastPart, IssuedAt = _now });
        }
    }

    /// <summary>A key of another part than the last time: one part that doesn't answer must not be taken for all of the store.</summary>
    private KeyState? NextSample()
    {
        for (var i = 0; i < _lives.Length; i++)
        {
            _lastPart = (_lastPart + 1) % _lives.Length;
            if (SampleOf(_lastPart) is { } sample)
                return sample;
        }

        return null;
    }

    private KeyState? SampleOf(int part)
    {
        if (_samples[part] is { IsGone: true })
            _samples[part] = _keys.Values.FirstOrDefault(s => s.Part == part);
        return _samples[part];
    }

    /// <summary>Sends what has waited, some at a time.</summary>
    private void ServeFlush()
    {
        while (_flushing < MaximumFlushing && !_breaker.IsOpen && _toFlush.TryDequeue(out var change))
        {
            if (change.IsResolved || change.IsInFlight || !IsNext(change))
                continue;
            change.IsFlushed = true;
            _flushing++;
            Try(change);
        }
    }

    /// <summary>Shows a change on this node that the store has not taken, and tells its caller so. It goes on in the background.</summary>
    private void Defer(PendingChange change, Exception? error)
    {
        var state = change.State;
        if (_queued >= _settings.MaximumPendingChanges && !change.IsQueued)
        {
            // Done or not, nobody knows: what this node shows may be old, so it shows nothing and asks the store for the next reader.
            NoteUnsure();
            Forget(state);
            state.DueAt = long.MaxValue;
            Resolve(change);
            if (_aside.Remove(change.Caller))
                _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.StoreFailed) { Error = error });
            return;
        }

        if (change.OvertakenBy != 0)
        {
            GiveUp(change, change.OvertakenBy);
            return;
        }

        if (!change.IsQueued)
            Enqueue(change);
        change.IsApplied = true;
        if (change.IsInDoubt || change.IsInFlight)
            NoteUnsure();

        // What was never sent needn't be, once a later change counts. But a set may yet lose, and the removal before it must not.
        foreach (var earlier in _queues[state].ToArray())
        {
            var isCovered = earlier.Payload is not null || change.Payload is null;
            if (earlier.Number < change.Number && isCovered && earlier is { IsInDoubt: false, IsInFlight: false })
                GiveUp(earlier, 0);
        }

        if (LastApplied(state) == change)
            Apply(change);
        if (_aside.Remove(change.Caller))
            _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = true });
    }

    private void Apply(PendingChange change)
    {
        var state = change.State;
        if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
            Seal(flight);
        if (change.Payload is { } payload)
        {
            ShowPending(change, payload);
            return;
        }

        Unschedule(state);
        Forget(state);

        // What another node makes at the moment may have begun before the removal.
        if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
            AskAgain(waiting);
    }

    /// <summary>Shows a value that is on its way to the store, as long as it isn't known to have lost.</summary>
    /// <returns>Whether it is shown: its time may be over.</returns>
    private bool ShowPending(PendingChange change, CachePayload payload)
    {
        var state = change.State;
        var ends = change.AskedAt + change.Profile.Life;
        if (ends <= _now)
            return false;
        state.InMemory = true;
        state.ShowsPending = true;
        state.Uncommitted = true;
        state.Token = Math.Max(state.Token, change.Observed);
        state.EndsAt = ends;
        _out.Send(Peer.Memory, new Adopt(state.Key, state.Token, payload, state.Source, committed: false));
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Reading or FlightPhase.Claiming } asking)
        {
            // What the store says can't be shown now: nobody need wait for it.
            AnswerValue(asking.TakePeekers(), payload, state.Token);
            AnswerValue(asking.TakeWaiters(), payload, state.Token);
            asking.IsOwedARun = false;
        }

        ServeShown(state);
        return true;
    }

    private void Enqueue(PendingChange change)
    {
        if (!_queues.TryGetValue(change.State, out var queue))
            _queues.Add(change.State, queue = []);
        var at = queue.Count;
        while (at > 0 && queue[at - 1].Number > change.Number)
            at--;
        queue.Insert(at, change);
        change.IsQueued = true;
        _queued++;
    }

    /// <summary>Takes a change out of its queue.</summary>
    /// <returns>What is left of it; null: nothing.</returns>
    private List<PendingChange>? Dequeue(PendingChange change)
    {
        if (!_queues.TryGetValue(change.State, out var queue))
            return null;
        if (change.IsQueued && queue.Remove(change))
        {
            change.IsQueued = false;
            _queued--;
        }

        if (queue.Count > 0)
            return queue;
        _queues.Remove(change.State);
        return null;
    }

    /// <summary>A change of the queue is done: the next one's turn, or that of those who waited for the last.</summary>
    private void GoOn(KeyState state, List<PendingChange>? later)
    {
        if (later is { Count: > 0 })
        {
            // What was made here since the last of them was shown is newer.
            if (LastApplied(state) is { } shown && (!state.InMemory || ShowsChange(state)))
                Apply(shown);
            if (!later[0].IsInFlight)
                Try(later[0]);
        }
        else
        {
            SendParked(state);
        }
    }

    private void SendParked(KeyState state)
    {
        if (!_parkedCalls.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            Send(call);
    }

    /// <summary>A change is of no use any more: a later one of this node counts.</summary>
    /// <param name="change">The change.</param>
    /// <param name="winner">The later one's token; 0: it is pending itself.</param>
    private void GiveUp(PendingChange change, long winner)
    {
        var state = change.State;
        var later = Dequeue(change);
        if (change.IsInDoubt || change.IsInFlight)
            NoteUnsure();
        Resolve(change);
        if (_aside.Remove(change.Caller))
            _out.Send(Peer.Callers, new Answered(change.Caller, AnswerKind.Changed) { IsPending = winner == 0, Token = winner });
        if (later is null)
        {
            SendParked(state);
        }
        else if (later[0] is { IsInFlight: false, WakeAt: long.MaxValue } next && !_breaker.IsOpen)
        {
            // Now it is its turn.
            next.WakeAt = _now;
            Queue(next);
        }
    }

    /// <summary>Whether it is this change's turn.</summary>
    private bool IsNext(PendingChange change) =>
        change is { IsResolved: false, IsInFlight: false } && (!change.IsQueued || _queues[change.State][0] == change);

    /// <summary>The newest change that this node shows and the store hasn't taken; null: none.</summary>
    private PendingChange? LastApplied(KeyState state) =>
        _queues.Count > 0 && _queues.TryGetValue(state, out var queue) ? queue.FindLast(c => c is { IsApplied: true, OvertakenBy: 0 }) : null;

    private void Park(StoreCall call)
    {
        if (!_parkedCalls.TryGetValue(call.State!, out var calls))
            _parkedCalls.Add(call.State!, calls = []);
        calls.Add(call);
        Queue(new ParkedCall(call, call.Flight?.AsksUntil ?? _now + call.Timeout));
    }

    /// <summary>It has waited for a change long enough: it goes on without the store.</summary>
    private void ServeParked(StoreCall call)
    {
        if (!_parkedCalls.TryGetValue(call.State!, out var calls) || !calls.Remove(call))
            return;
        if (calls.Count == 0)
            _parkedCalls.Remove(call.State!);
        _notSent.Enqueue(call);
    }

    /// <summary>The change they waited for didn't get to the store: they go on without.</summary>
    private void ReturnParked(KeyState state)
    {
        if (!_parkedCalls.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            _notSent.Enqueue(call);
    }

    /// <summary>Whether the store can't be asked about a key.</summary>
    private bool IsUnreachable(KeyState state) => _breaker.IsOpen || (_queues.Count > 0 && _queues.ContainsKey(state));

    /// <summary>Whether a value should be made here, without the store, lest the next reader has to wait.</summary>
    private bool EndsSoon(KeyState state) => state.Source is not null && (SoonAt(state) < _now || IsMissed(state));

    /// <summary>Whether readers here would have had a value, had the last one not run out.</summary>
    private bool IsMissed(KeyState state) => state.RanOut && state.ActiveUntil > _now && state.Source is { Profile.IsScheduled: true };

    /// <summary>Whether memory shows the key, or would.</summary>
    private bool IsWanted(KeyState state) => state.InMemory || IsMissed(state);

    /// <summary>From when on what is shown ends soon.</summary>
    private static long SoonAt(KeyState state) => state.EndsAt == long.MaxValue ? long.MaxValue : state.EndsAt - (state.Source!.Profile.Tolerance / 2);

    /// <summary>How often something is tried again for a value that ends soon.</summary>
    private static long SoonDelay(KeyState state) => Math.Clamp(state.Source!.Profile.Tolerance / 4, s_repairDelay / 4, s_repairDelay);

    /// <summary>
    /// What is regenerated here has a next time, whatever went wrong: without one it would be shown until its end, and the next reader wait. There is none
    /// where a flight is under way, and where the store said so.
    /// </summary>
    private void KeepDue(KeyState state)
    {
        if (state is not { DueAt: long.MaxValue, Flight: null, Ready: false, Source.Profile.IsScheduled: true } || _isDraining || _hasDrained)
            return;
        if (IsMissed(state))
            state.DueAt = _now + SoonDelay(state);
        else if (state is { InMemory: true, EndsAt: < long.MaxValue } && (!state.Unscheduled || state.Uncommitted))
            state.DueAt = Math.Max(SoonAt(state), _now + SoonDelay(state));
    }

    /// <summary>Something is due that needs the store: its return wakes the key, or the nearing end of what is shown.</summary>
    private void Postpone(KeyState state)
    {
        var wait = _breaker.IsOpen ? s_longWait : s_repairDelay;
        var last = state.Source is null ? long.MaxValue : SoonAt(state);
        state.DueAt = Math.Min(_now + wait + Random(s_repairDelay / 4), Math.Max(last, _now + s_retryDelay));
        if (state.Parked || !_breaker.IsOpen)
            return;
        state.Parked = true;
        _parked.Add(state);
    }

    /// <summary>The end of the patience of a call that waits behind a change.</summary>
    private sealed class ParkedCall(StoreCall call, long until) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = until;
    }
}
