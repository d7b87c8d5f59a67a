using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Simulation;

/// <summary>
/// The coordinators and their cluster, as unreliable as the seed wants it: messages are lost and doubled, shards move with and without a hand-off,
/// live twice for a while, and hear of a node's death late, or of one that lives.
/// </summary>
internal sealed class SimCoordinators
{
    private readonly World _world;
    private readonly List<Incarnation>[] _shards;
    private readonly long[] _changedAt;
    private readonly long[] _twinsUntil;
    private readonly Dictionary<(object From, object To), long> _lastArrivals = [];
    private long _incarnations;

    public SimCoordinators(World world)
    {
        _world = world;
        _shards = new List<Incarnation>[world.Options.Shards];
        _changedAt = new long[world.Options.Shards];
        _twinsUntil = new long[world.Options.Shards];
        for (var shard = 0; shard < _shards.Length; shard++)
        {
            _shards[shard] = [];
            Begin(shard, world.Random.Next(world.Options.Nodes));
        }
    }

    public int ShardOf(string key) => (key[1] - '0') % Math.Max(1, _shards.Length);

    /// <summary>
    /// Since when a key has had the one coordinator it has, not on this place; <see cref="long.MaxValue"/>: it has none, or two, or had two lately, and what the
    /// other one was told is lost.
    /// </summary>
    public long SteadySince(string key, int place) => _shards.Length > 0 && _shards[ShardOf(key)] is [var only] && only.Place != place
        && (_twinsUntil[ShardOf(key)] == 0 || _twinsUntil[ShardOf(key)] + SimOptions.Seconds(4) < _world.Now)
            ? _changedAt[ShardOf(key)]
            : long.MaxValue;

    public IEnumerable<string> Leftovers() => _shards.SelectMany(s => s).SelectMany(i => i.Machine.Leftovers());

    /// <summary>A node tells its key's coordinator something.</summary>
    public void Send(SimNode from, int shard, ToCoordinator message)
    {
        if (from.IsAlone)
            return;
        Carry((from, shard), () =>
        {
            if (_shards[shard] is { Count: > 0 } live)
                live[_world.Random.Next(live.Count)].Deliver(message);
        });
    }

    /// <summary>A node has died, or was downed, and the coordinators on its place with it.</summary>
    public void Crashed(SimNode node)
    {
        foreach (var shard in _shards)
        {
            foreach (var incarnation in shard.Where(i => i.Place == node.Place).ToArray())
                End(incarnation, SimOptions.Millis(_world.Random.Next(100, 8000)));
        }

        var seenAfter = SimOptions.Millis(_world.Options.DeathSeenLate ? _world.Random.Next(5000) : _world.Random.Next(1, 50));
        _world.After(seenAfter, () => TellDown(node.Id));
    }

    /// <summary>Somebody is believed dead who lives.</summary>
    public void SuspectFalsely()
    {
        var nodes = _world.Nodes.ToArray();
        if (nodes.Length > 0)
            TellDown(nodes[_world.Random.Next(nodes.Length)].Id);
    }

    /// <summary>The node that has a shard dies; its next coordinator begins after a while.</summary>
    public void Lose(int shard, long after)
    {
        foreach (var incarnation in _shards[shard].ToArray())
            End(incarnation, after);
    }

    /// <summary>A shard moves: handed over, or after a while; or its next incarnation begins before the last has ended.</summary>
    public void Move()
    {
        var shard = _shards[_world.Random.Next(_shards.Length)];
        if (shard is not [var last])
            return;
        switch (_world.Random.Next(3))
        {
            case 0:
                End(last, SimOptions.Millis(_world.Random.Next(100)));
                break;
            case 1:
                End(last, SimOptions.Millis(_world.Random.Next(100, 8000)));
                break;
            default:
                Begin(last.Shard, _world.Random.Next(_world.Options.Nodes));
                _world.Oracle.Mark("two coordinators of a shard");
                _world.After(SimOptions.Millis(_world.Random.Next(100, 5000)), () =>
                {
                    if (last.IsAlive)
                        End(last, null);
                });
                break;
        }
    }

    private void TellDown(string id)
    {
        foreach (var incarnation in _shards.SelectMany(s => s).ToArray())
            incarnation.Deliver(new NodeDown(id));
        if (!_world.Options.NodesHearOfDeaths)
            return;
        foreach (var node in _world.Nodes.Where(n => n.Id != id && !n.IsAlone).ToArray())
        {
            var delay = SimOptions.Millis(_world.Random.Next(_world.Options.DeathSeenLate ? 2000 : 50));
            _world.After(delay, () => node.Deliver(Peer.Coordinator, new NodeDown(id)));
        }
    }

    private void Begin(int shard, int place)
    {
        // Clocks of hosts differ: a later incarnation may have a lower number.
        var number = (++_incarnations * 10) + (_world.Options.HasFaults ? _world.Random.Next(-15, 15) : 0);
        var incarnation = new Incarnation(_world, this, shard, place, number);
        _shards[shard].Add(incarnation);
        _changedAt[shard] = _world.Now;
        incarnation.Deliver(Tick.Instance);
        _world.After(SimOptions.Millis(100), () => CheckKnows(incarnation));
    }

    /// <summary>
    /// What a coordinator must have learned from the nodes when it has just begun: keys that were in a node's memory before, and are read there. It forgets
    /// those that are due when nobody is known to read them, or generators bring none, or the store doesn't answer, or their nodes are taken for dead; where
    /// messages are lost, or go to another one that lives as well for a while, it may take longer.
    /// </summary>
    private void CheckKnows(Incarnation only)
    {
        var options = _world.Options;
        var isSure = options.CoordinationLost + options.PauseEvery + options.FalseDeathEvery == 0 && options.StoreAnswers && options.BringsValues;
        if (!isSure || _shards[only.Shard] is not [var still] || still != only || _twinsUntil[only.Shard] >= only.BeganAt)
            return;
        foreach (var node in _world.Nodes.Where(n => !n.IsAlone))
        {
            foreach (var (key, shown) in node.Memory.Where(m => ShardOf(m.Key) == only.Shard))
            {
                var isOffered = shown.HasSource && options.ProfileOf(key).IsScheduled && node.IsRead(key) && node.LastAsked(key) < only.BeganAt && shown.InMemorySince < only.BeganAt && !node.IsDue(key);
                if (isOffered && node.Agent.Find(key) is { Token: not 0, Unscheduled: false } && only.Machine.Find(key) is null && !only.Asked.Contains(key))
                    _world.Fail($"2: the coordinator of shard {only.Shard}, begun at {only.BeganAt / 10_000} ms, doesn't know {key}, which {node.Id} has");
            }
        }
    }

    private void End(Incarnation incarnation, long? nextAfter)
    {
        incarnation.IsAlive = false;
        if (_shards[incarnation.Shard].Count > 1)
            _twinsUntil[incarnation.Shard] = _world.Now;
        _shards[incarnation.Shard].Remove(incarnation);
        _changedAt[incarnation.Shard] = _world.Now;
        _world.Oracle.Mark("coordinator ended");
        if (nextAfter is { } delay)
        {
            _world.After(delay, () =>
            {
                if (_shards[incarnation.Shard].Count == 0)
                    Begin(incarnation.Shard, _world.Random.Next(_world.Options.Nodes));
            });
        }
    }

    /// <summary>Carries a message to or from a coordinator; loses, doubles and delays some.</summary>
    /// <param name="link">From whom to whom.</param>
    /// <param name="arrive">What it does there.</param>
    public void Carry((object From, object To) link, Action arrive)
    {
        var options = _world.Options;
        var random = _world.Random;
        if (_world.IsActive && random.NextDouble() < options.CoordinationLost)
            return;
        var delay = SimOptions.Millis(0.1 + random.NextDouble());
        if (options.CoordinationLost > 0 && random.Next(50) == 0)
            delay += SimOptions.Millis(random.Next(1000));
        if (options.CoordinationInOrder)
        {
            delay = Math.Max(delay, _lastArrivals.GetValueOrDefault(link) - _world.Now);
            _lastArrivals[link] = _world.Now + delay;
        }

        _world.After(delay, arrive);
        if (_world.IsActive && random.NextDouble() < options.CoordinationLost / 2)
            _world.After(delay + SimOptions.Millis(random.Next(3000)), arrive);
    }

    private sealed class Incarnation
    {
        private readonly World _world;
        private readonly SimCoordinators _all;
        private readonly CoordinatorOutbox _outbox = new();
        private long _tickAt = long.MaxValue;

        public Incarnation(World world, SimCoordinators all, int shard, int place, long number)
        {
            _world = world;
            _all = all;
            Shard = shard;
            Place = place;
            BeganAt = world.Now;
            var settings = new CoordinatorSettings { Shard = shard, Incarnation = number, Omits = world.Mutant?.Omits?.Invoke(world) };
            Machine = new CoordinatorShard(settings, new Random(world.Random.Next()));
        }

        public CoordinatorShard Machine { get; }

        public int Shard { get; }

        public int Place { get; }

        public long BeganAt { get; }

        public bool IsAlive { get; set; } = true;

        /// <summary>The keys for whose regeneration it has asked: it may have been told that they are over.</summary>
        public HashSet<string> Asked { get; } = [];

        public void Deliver(object message)
        {
            if (!IsAlive)
                return;
            if (_world.IsPaused(Place))
            {
                _world.After(SimOptions.Millis(50), () => Deliver(message));
                return;
            }

            _world.Narrator?.Tell($"c{Shard}.{Machine.Incarnation}", message);
            Machine.On(message, _world.Now - BeganAt, _outbox);
            for (var i = 0; i < _outbox.Count; i++)
            {
                var (to, said) = _outbox[i];
                _world.Narrator?.Tell($"  c{Shard}.{Machine.Incarnation} to {to}", said);
                _world.Oracle.Mark(said.GetType().Name);
                if (said is RegenerationDue due)
                    Asked.Add(due.Key);
                foreach (var node in _world.Nodes)
                {
                    if (!node.IsAlone && (to is null || node.Id == to))
                        _all.Carry((this, node), () => node.Deliver(Peer.Coordinator, said));
                }
            }

            _outbox.Clear();
            SetTick();
        }

        private void SetTick()
        {
            var at = Machine.NextDeadline;
            if (at >= _tickAt || at == long.MaxValue)
                return;
            _tickAt = at;
            _world.After(Math.Max(0, at + BeganAt - _world.Now), () =>
            {
                _tickAt = long.MaxValue;
                Deliver(Tick.Instance);
            });
        }
    }
}
