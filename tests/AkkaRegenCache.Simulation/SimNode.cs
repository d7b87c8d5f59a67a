using System.Globalization;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>
/// The simulator's shell around one agent: as thin as the real one, with a plain dictionary for memory. It also plays the facade: a hit
/// doesn't ask the agent.
/// </summary>
internal sealed class SimNode : IAccessLog
{
    private readonly World _world;
    private readonly NodeAgent _agent;
    private readonly Outbox _outbox = new();
    private readonly Dictionary<string, Shown> _memory = [];
    private readonly Dictionary<string, long> _reads = [];
    private readonly Dictionary<string, Reading> _reading = [];
    private readonly Dictionary<string, long> _changed = [];
    private readonly Dictionary<string, long> _changeAsked = [];
    private readonly HashSet<string> _pendingChange = [];
    private readonly Dictionary<long, SimRun> _runs = [];
    private readonly Queue<(Peer From, object Message)> _waiting = new();
    private readonly Queue<(Peer From, object Message)> _inbox = new();
    private readonly List<(string Key, long At)> _asked = [];
    private readonly SimSource?[] _sources;
    private readonly double _rate;
    private readonly long _startedAt;
    private long _tickAt = long.MaxValue;
    private bool _isServing;
    private bool _lateFailure;

    public SimNode(World world, int place, string id, double rate)
    {
        _world = world;
        Place = place;
        Id = id;
        _rate = rate;
        _startedAt = world.Now;
        _sources = new SimSource?[world.Options.Keys.Length];
        var settings = new AgentSettings
        {
            NodeId = id,
            Lease = world.Options.Lease,
            Heartbeat = SimOptions.Millis(500),
            MaximumBackground = 3,
            MaximumForeground = world.Options.MaximumForeground,
            MaximumQueued = world.Options.MaximumQueued,
            InlineBytes = world.Options.InlineBytes,
            StoreAnnounces = () => world.Options.StoreAnnounces,
            ReadTimeout = SimOptions.Millis(800),
            WriteTimeout = SimOptions.Millis(400),
            FailuresToBreak = 3,
            BreakDuration = SimOptions.Millis(500),
            MaximumPendingChanges = world.Options.MaximumPendingChanges,
            Partitions = world.Options.Partitions,
            PartitionOf = key => world.Store.PartitionOf(key),
            Shards = world.Options.Shards,
            ShardOf = key => world.Coordinators.ShardOf(key),
            Omits = world.Mutant?.Omits?.Invoke(world),
        };
        var random = new Random(world.Random.Next());
        _agent = new NodeAgent(settings, random, this);
    }

    /// <summary>An entry as memory shows it.</summary>
    /// <param name="Ends">When its time is over, by this node's clock.</param>
    /// <param name="InMemorySince">Since when memory has shown one value after the other.</param>
    internal sealed record Shown(long Token, SimValue Value, bool Committed, bool HasSource, long Since, long Ends, long InMemorySince);

    /// <summary>Since when callers here have read a key without a break as long as its retention, and when they did last.</summary>
    internal readonly record struct Reading(long Since, long Last);

    public int Place { get; }

    public string Id { get; }

    public bool IsAlive { get; private set; } = true;

    public bool IsPaused { get; private set; }

    /// <summary>Whether it is out of the cluster.</summary>
    public bool IsAlone { get; private set; }

    /// <summary>The store that it has to itself; null: it has the others'.</summary>
    public StoreMachine? Own { get; private set; }

    /// <summary>Since when it has that.</summary>
    public long OwnSince { get; private set; } = long.MinValue;

    public NodeAgent Agent => _agent;

    public IReadOnlyDictionary<string, Shown> Memory => _memory;

    /// <summary>This node's clock.</summary>
    private long LocalNow => (long)((_world.Now - _startedAt) * _rate);

    long IAccessLog.LastRead(string key) =>
        _reads.TryGetValue(key, out var at) ? at / SimOptions.Millis(250) * SimOptions.Millis(250) : long.MinValue;

    /// <summary>A caller calls.</summary>
    public void Call(int keyIndex, WaiterKind kind)
    {
        if (IsPaused)
            return;
        var key = $"k{keyIndex}";
        var profile = _world.Options.Keys[keyIndex];
        var source = kind == WaiterKind.Get ? _sources[keyIndex] ??= new SimSource(profile) : null;
        var value = kind == WaiterKind.Set ? new SimValue(key, _world.Oracle.NextValue(), _world.Now, isSet: true) : null;
        var call = new SimCall(this, key, kind, profile, source, _world.Now)
        {
            Value = value,
            ChangedBefore = _changed.GetValueOrDefault(key, long.MinValue),
            ChangeWasPending = _pendingChange.Contains(key),
            ChangeAskedBefore = _changeAsked.GetValueOrDefault(key, long.MinValue),
        };
        _world.Oracle.Asked(call);
        _asked.Add((key, _world.Now));
        if (kind == WaiterKind.Get)
            _reading[key] = new Reading(IsRead(key) ? _reading[key].Since : _world.Now, _world.Now);
        if (kind is WaiterKind.Get or WaiterKind.Peek && _memory.TryGetValue(key, out var shown))
        {
            Hit(call, shown);
            return;
        }

        var size = _world.Random.Next(10, 200);
        if (value is not null)
            value.IsTooLarge = _world.Random.NextDouble() < _world.Options.TooLarge;
        Deliver(Peer.Callers, kind switch
        {
            WaiterKind.Set => new ChangeRequested(call, CachePayload.FromValue(value, size), value!.IsTooLarge),
            WaiterKind.Remove => new ChangeRequested(call, null),
            _ => call,
        });
        if (kind is WaiterKind.Get or WaiterKind.Peek or WaiterKind.Refresh && _world.Random.Next(10) == 0)
            _world.After(SimOptions.Millis(_world.Random.Next(1, 3000)), () => Cancel(call));
    }

    /// <summary>When a caller here read a key last: that may have brought its generator.</summary>
    public long LastAsked(string key) => _reading[key].Last;

    /// <summary>Whether a key may be due, for all that this node knows.</summary>
    public bool IsDue(string key) => _world.Options.ProfileOf(key) is var profile && _agent.Find(key) is { } state && state.DueAt - profile.Grace - profile.Jitter <= LocalNow;

    /// <summary>Whether callers here have read a key within its retention, a second less for all that is counted roughly.</summary>
    public bool IsRead(string key) =>
        _reading.TryGetValue(key, out var reading) && _world.Now - reading.Last < _world.Options.ProfileOf(key).Retention - SimOptions.Seconds(1);

    /// <summary>How often callers called for a key since a time within the last second or two.</summary>
    public int CallsOf(string key, long since)
    {
        _asked.RemoveAll(a => a.At < _world.Now - SimOptions.Seconds(2));
        return _asked.Count(a => a.Key == key && a.At >= since);
    }

    public void Deliver(Peer from, object message)
    {
        if (!IsAlive)
            return;
        if (IsPaused)
        {
            _waiting.Enqueue((from, message));
            return;
        }

        _inbox.Enqueue((from, message));
        if (_isServing)
            return;
        _isServing = true;
        while (_inbox.TryDequeue(out var item))
        {
            if (item.Message is Evicted evicted && _memory.ContainsKey(evicted.Key))
                continue;
            _world.Narrator?.Tell(Id, item.Message);
            _lateFailure = item.Message is CacheNotification { Kind: NotificationKind.Failed } failed
                && _agent.Find(failed.Key)?.Flight is { Phase: FlightPhase.Waiting } flight && failed.Token < flight.Awaited;
            _agent.On(item.From, item.Message, LocalNow, _outbox);
            for (var i = 0; i < _outbox.Count; i++)
            {
                _world.Narrator?.Tell($"  {Id}", _outbox[i].Message);
                Do(_outbox[i].Message);
            }

            _outbox.Clear();
        }

        _isServing = false;
        SetTick();
    }

    public void Crash()
    {
        IsAlive = false;
        foreach (var run in _runs.Values)
            run.HasEnded = true;
        _world.Oracle.Crashed(this);
    }

    public void Pause() => IsPaused = true;

    /// <summary>It was downed: nobody tells it anything any more, and its partitions of the store are out of reach.</summary>
    public void GoOnAlone()
    {
        IsAlone = true;
        if (_world.HasStoreInShards)
        {
            Own = new StoreMachine($"own {Id}", TimeSpan.FromSeconds(10));
            OwnSince = _world.Now;
            ForgetChanges();
        }

        _world.Oracle.GoesOnAlone(this);
        Deliver(Peer.Coordinator, new LinkEnded("it was downed", HasStore: !_world.HasStoreInShards));
    }

    public void Continue()
    {
        if (!IsPaused)
            return;
        IsPaused = false;
        while (_waiting.TryDequeue(out var item))
            Deliver(item.From, item.Message);
        Deliver(Peer.Clock, Tick.Instance);
    }

    /// <summary>The store has forgotten all changes: nobody can be held to them any more.</summary>
    public void ForgetChanges()
    {
        _changed.Clear();
        _changeAsked.Clear();
    }

    public void EvictOne()
    {
        if (IsPaused || _memory.Count == 0)
            return;
        var key = _memory.Keys.ElementAt(_world.Random.Next(_memory.Count));
        var lastRead = ((IAccessLog)this).LastRead(key);
        _memory.Remove(key);
        _world.Oracle.LetGo(this, key);
        Deliver(Peer.Memory, new Evicted(key, lastRead));
    }

    private void Hit(SimCall call, Shown shown)
    {
        _reads[call.Key] = LocalNow;
        if (call.Kind == WaiterKind.Get && !shown.HasSource)
        {
            _memory[call.Key] = shown with { HasSource = true };
            Deliver(Peer.Callers, new GeneratorLearned(call.Key, call.Source!));
        }

        _world.Oracle.Answered(call, shown.Value);
    }

    private void Cancel(SimCall call)
    {
        if (call.IsAnswered || !IsAlive)
            return;
        _world.Oracle.Cancelled(call);
        Deliver(Peer.Callers, new CallerLeft(call));
    }

    private void SetTick()
    {
        var at = _agent.NextDeadline;
        if (at >= _tickAt || at == long.MaxValue)
            return;
        _tickAt = at;
        var delay = Math.Max(0, (long)((at / _rate) + 1) - (_world.Now - _startedAt));
        _world.After(delay, () =>
        {
            // A later one was overtaken by an earlier; it does no harm.
            _tickAt = long.MaxValue;
            Deliver(Peer.Clock, Tick.Instance);
        });
    }

    private void Do(object message)
    {
        switch (message)
        {
            case StoreCall call:
                _world.Store.Ask(this, call);
                break;
            case CacheNotification notification:
                _world.Publish(this, notification);
                break;
            case CoordinatorCall { Message: RecordsRecovered kept } call:
                _world.Store.Restore(this, call.Shard, kept with
                {
                    Records = [.. from record in kept.Records
                                  let shownNow = _memory[record.Key].Value
                                  where !shownNow.IsTooLarge
                                  select record with { Payload = CachePayload.FromValue(shownNow, 100) }],
                });
                break;
            case CoordinatorCall call:
                _world.Coordinators.Send(this, call.Shard, call.Message);
                break;
            case Adopt adopt:
                var value = (SimValue)adopt.Payload.Value!;
                _world.Oracle.Shows(this, adopt, value);
                if (!_memory.ContainsKey(adopt.Key))
                    _reads.Remove(adopt.Key);
                var inMemorySince = _memory.TryGetValue(adopt.Key, out var before) ? before.InMemorySince : _world.Now;
                var ends = _agent.Find(adopt.Key)?.EndsAt ?? long.MaxValue;
                _memory[adopt.Key] = new Shown(adopt.Token, value, adopt.Committed, adopt.Source is not null, _world.Now, ends, inMemorySince);
                break;
            case Drop drop:
                if (!_memory.Remove(drop.Key, out var dropped) || dropped.Ends > LocalNow)
                    break;
                _world.Oracle.Ended(this, drop.Key);
                if (IsRead(drop.Key))
                    _world.Oracle.RanOut(this, drop.Key, dropped, _reading[drop.Key].Since);
                break;
            case Retire retire:
                if (_memory.TryGetValue(retire.Key, out var shown))
                    _memory[retire.Key] = shown with { HasSource = false };
                break;
            case RunGenerator run:
                Start(run);
                break;
            case CancelGenerator cancel:
                if (_runs.TryGetValue(cancel.RunId, out var cancelled))
                {
                    cancelled.IsCancelled = true;
                    _world.Oracle.Ended(cancelled);
                }

                break;
            case Answered answered:
                Answer(answered);
                break;
        }
    }

    private void Answer(Answered answered)
    {
        for (var waiter = answered.Chain; waiter is not null;)
        {
            var call = (SimCall)waiter;
            waiter = waiter.Next;
            call.Next = null;
            switch (answered.Kind)
            {
                case AnswerKind.InMemory when _memory.TryGetValue(call.Key, out var shown):
                    Hit(call, shown);
                    break;
                case AnswerKind.InMemory:
                    _inbox.Enqueue((Peer.Callers, call));
                    break;
                case AnswerKind.Value:
                    var given = (SimValue)answered.Payload!.Value!;
                    _world.Oracle.NotOlderThanShown(call, given, answered.Token);
                    _world.Oracle.Answered(call, given);
                    if (given.MadeBy == this && !_pendingChange.Contains(call.Key))
                        _world.Oracle.Given(call, given, answered.Token, _memory.GetValueOrDefault(call.Key)?.Value);
                    break;
                case AnswerKind.Changed:
                    if (answered.IsPending || answered.Accepted)
                        _changeAsked[call.Key] = Math.Max(_changeAsked.GetValueOrDefault(call.Key, long.MinValue), call.AskedAt);
                    if (answered.IsPending)
                        _pendingChange.Add(call.Key);
                    if (answered.IsPending && call.Kind == WaiterKind.Remove)
                        _changed[call.Key] = Math.Max(_changed.GetValueOrDefault(call.Key, long.MinValue), call.AskedAt);
                    else if (answered.Accepted)
                        _changed[call.Key] = Math.Max(_changed.GetValueOrDefault(call.Key, long.MinValue), _world.Oracle.AppliedAt(answered.Token, call.Key));
                    _world.Oracle.Changed(call, answered);
                    break;
                case AnswerKind.Missing when call.Kind != WaiterKind.Peek:
                    // Also where its caller has left: the shell has no such answer to give.
                    _world.Fail($"4: {call} was answered with nothing");
                    break;
                case AnswerKind.Failed when _lateFailure:
                    _world.Fail($"4: {call} got the failure of an older generation than the one it waited for");
                    break;
                default:
                    if (answered.Kind == AnswerKind.StoreFailed)
                        _world.Oracle.LetGo(this, call.Key);
                    _world.Oracle.AnsweredWithout(call, answered.Kind, answered.Failure);
                    break;
            }
        }
    }

    private void Start(RunGenerator message)
    {
        var options = _world.Options;
        var random = _world.Random;
        var run = new SimRun(this, message, _world.Now);
        _runs.Add(message.RunId, run);
        _world.Oracle.Began(run);
        _world.Oracle.Uses(message.Token);
        if (_agent.ForegroundRuns > options.MaximumForeground)
            _world.Fail($"17: {_agent.ForegroundRuns} generators run on {Id} for callers; at most {options.MaximumForeground} may");
        if (random.NextDouble() < options.Hangs)
        {
            // It ends long after anybody cares.
            if (random.Next(2) == 0)
                _world.After(SimOptions.Seconds(random.Next(9, 25)), () => End(run));
            return;
        }

        var duration = random.NextDouble() < options.Long
            ? SimOptions.Millis(random.Next(400, 5000))
            : random.NextInt64(options.LongestRun);
        _world.After(duration, () => End(run));
    }

    private void End(SimRun run)
    {
        if (!IsAlive)
            return;
        if (IsPaused)
        {
            _world.After(SimOptions.Millis(50), () => End(run));
            return;
        }

        _runs.Remove(run.Message.RunId);
        run.HasEnded = true;
        _world.Oracle.Ended(run);
        if (run.IsCancelled && _world.Random.Next(2) == 0)
        {
            Deliver(Peer.Generators, Failed(run, "cancelled"));
            return;
        }

        var options = _world.Options;
        var draw = _world.Random.NextDouble();
        if (draw < options.Fails)
        {
            Deliver(Peer.Generators, Failed(run, "failed"));
            return;
        }

        draw -= options.Fails;
        var outcome = draw < options.Uncached ? RunOutcome.Uncached
            : draw < options.Uncached + options.TooLarge ? RunOutcome.TooLarge
            : RunOutcome.Made;
        var value = new SimValue(run.Message.Key, _world.Oracle.NextValue(), run.BeganAt, isSet: false) { MadeBy = outcome == RunOutcome.Uncached ? null : this };
        _world.Oracle.Made(run, value);
        if (outcome == RunOutcome.Uncached)
            _world.Oracle.LetGo(this, run.Message.Key);
        Deliver(Peer.Generators, new GeneratorFinished(
            run.Message.RunId, outcome, CachePayload.FromValue(value, _world.Random.Next(10, 200)), null));
    }

    private static GeneratorFinished Failed(SimRun run, string why) =>
        new(run.Message.RunId, RunOutcome.Failed, null, new GenerationFailure(why, run.Message.Token.ToString(CultureInfo.InvariantCulture)));
}
