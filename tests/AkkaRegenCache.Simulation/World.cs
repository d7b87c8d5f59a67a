using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>
/// One seed: a farm of node agents, a store and the network between them, in virtual time. Everything that happens is an event in one queue and
/// everything random comes from one generator, so a seed replays to the letter.
/// </summary>
internal sealed class World
{
    /// <summary>After the last call and fault: how long everything may take to come to rest, beyond what entries live.</summary>
    private static readonly long s_rest = SimOptions.Seconds(20);

    private readonly PriorityQueue<Action, Due> _events = new(DueOrder.Instance);
    private readonly List<SimNode?> _nodes = [];
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly HashSet<int> _cutOff = [];
    private readonly int _seed;
    private Outages _outage;
    private long _order;
    private int _incarnations;

    /// <summary>Sets the scene.</summary>
    /// <param name="seed">Of all that is random.</param>
    /// <param name="mutant">What is left out of the protocol; null: nothing.</param>
    /// <param name="draw">Draws what goes wrong; null: anything.</param>
    public World(int seed, Mutant? mutant = null, Func<Random, SimOptions>? draw = null)
    {
        _seed = seed;
        Random = new Random(seed);
        Mutant = mutant;
        Options = (draw ?? SimOptions.Draw)(Random);
        Oracle = new Oracle(this);
        Store = new SimStore(this);
        for (var i = 0; i < Options.Nodes; i++)
            _nodes.Add(NewNode(i));
        Coordinators = new SimCoordinators(this);
    }

    public Random Random { get; }

    public Mutant? Mutant { get; }

    public SimOptions Options { get; }

    public Oracle Oracle { get; }

    public SimStore Store { get; }

    public SimCoordinators Coordinators { get; }

    /// <summary>Tells the story of the seed; null: nobody listens.</summary>
    public Narrator? Narrator { get; set; }

    /// <summary>Virtual time in ticks.</summary>
    public long Now { get; private set; }

    public long Steps { get; private set; }

    /// <summary>Whether callers call and faults strike.</summary>
    public bool IsActive => Now < Options.Active;

    /// <summary>Whether the store refuses this call at the moment: in an outage of all of it, or of one of its operations.</summary>
    public bool IsOut(StoreCall call) => _outage switch
    {
        Outages.None => false,
        Outages.All => true,
        Outages.Commits => call.Request is CommitRequest,
        Outages.Claims => call.Request is ClaimRequest,
        Outages.Reads => call is ReadCall or CheckCall,
        Outages.Changes => call.Request is WriteRequest or InvalidateRequest or ReleaseRequest,
        _ => call is RenewCall,
    };

    /// <summary>Whether a node can't reach the store, though others can.</summary>
    public bool IsCutOff(SimNode node) => _cutOff.Contains(node.Place);

    /// <summary>Whether the partitions of the store live with the coordinators of their shards.</summary>
    public bool HasStoreInShards => Options.Partitions > 1;

    /// <summary>Whether one operation of the store is out, and the others are not.</summary>
    public bool IsPartlyOut => _outage is not (Outages.None or Outages.All);

    public string? Violation { get; private set; }

    /// <summary>When a node crashed last.</summary>
    public long LastCrash { get; private set; } = long.MinValue;

    /// <summary>Whether what is on a place stands still.</summary>
    public bool IsPaused(int place) => _nodes[place] is { IsPaused: true };

    public IEnumerable<SimNode> Nodes => _nodes.Where(n => n is not null)!;

    /// <summary>Plays the seed to its end, or to the first violation.</summary>
    public void Run()
    {
        After(0, NextCall);
        Strike(Options.CrashEvery, Crash);
        Strike(Options.PauseEvery, Pause);
        Strike(Options.CutOffEvery, CutOff);
        Strike(Options.PartitionEvery, Partition);
        Strike(Options.OutageEvery, Outage);
        Strike(Options.EvictEvery, Evict);
        Strike(Options.StoreEvictEvery, Store.Evict);
        Strike(Options.NewEpochEvery, NewEpoch);
        Strike(Options.FailOverEvery, FailOver);
        Strike(Options.ClockStepEvery, StepClock);
        Strike(Options.SplitEvery, Split);
        Strike(Options.PartitionLossEvery, LosePart);
        Strike(Options.ShardMoveEvery, () => Coordinators.Move());
        Strike(Options.DowningEvery, Down);
        Strike(Options.FalseDeathEvery, () => Coordinators.SuspectFalsely());
        var longest = Options.Keys.Max(k => k.Retention + (2 * k.Lifetime) + k.GenerationDeadline);
        var end = Options.Active + longest + s_rest;
        for (var at = SimOptions.Seconds(2); at < end; at += SimOptions.Seconds(2))
            After(at, Oracle.CheckConverged);

        var stepsAtOnce = 0;
        while (Violation is null && _events.TryDequeue(out var happen, out var due) && due.At <= end)
        {
            if (due.At != Now)
                stepsAtOnce = 0;
            Now = due.At;
            Steps++;
            if (++stepsAtOnce > 100_000)
                Fail("4: something goes round and round without time going by");
            try
            {
                happen();
            }
            catch (Exception e)
            {
                Fail($"something threw: {e}");
            }
        }

        Now = end;
        if (Violation is null)
            Oracle.CheckAtRest();
    }

    public void After(long delay, Action happen) => _events.Enqueue(happen, new Due(Now + delay, ++_order));

    /// <summary>A promise is broken. Only the first counts: what comes after may follow from it.</summary>
    public void Fail(string promise) => Violation ??= $"seed {_seed}, {Now / 10_000} ms: {promise}";

    public long Exponential(long mean) => (long)(-Math.Log(1 - Random.NextDouble()) * mean);

    /// <summary>Carries a notification to all other nodes; loses, doubles and delays some.</summary>
    public void Publish(SimNode from, CacheNotification notification)
    {
        foreach (var to in Nodes)
        {
            if (to == from)
                continue;
            if (HasStoreInShards && (from.IsAlone || to.IsAlone))
                continue;
            var isCut = _cut.Contains((from.Place, to.Place)) || (Options.StoreAnnounces && (IsCutOff(from) || IsCutOff(to)));
            if (isCut || (IsActive && Random.NextDouble() < Options.NoticeLost))
            {
                Oracle.NoticesLost = true;
                continue;
            }

            Carry(to, notification, 0);

            // The second one may come when much else has happened.
            if (IsActive && Random.NextDouble() < Options.NoticeDoubled)
                Carry(to, notification, SimOptions.Millis(Random.Next(3000)));
        }
    }

    private void Carry(SimNode to, CacheNotification notification, long late)
    {
        var delay = late + SimOptions.Millis(0.1 + (Random.NextDouble() * 3));
        if (Options.HasFaults && Random.Next(50) == 0)
            delay += SimOptions.Millis(Random.Next(500));
        After(delay, () => to.Deliver(Peer.Bus, notification));
    }

    private SimNode NewNode(int place)
    {
        var rate = 1 + (((Random.NextDouble() * 2) - 1) * Options.Drift);
        return new SimNode(this, place, $"n{place}.{++_incarnations}", rate);
    }

    private void Strike(long every, Action fault)
    {
        if (every > 0)
            After(Exponential(every), Again);

        void Again()
        {
            if (!IsActive)
                return;
            fault();
            After(Exponential(every), Again);
        }
    }

    private void NextCall()
    {
        if (!IsActive)
            return;
        var node = _nodes[Random.Next(_nodes.Count)];
        if (node is not null)
        {
            // Squared: the first keys are called more than the last.
            var key = (int)(Random.NextDouble() * Random.NextDouble() * Options.Keys.Length);
            var many = Random.Next(20) == 0 ? Random.Next(2, 10) : 1;
            for (var i = 0; i < many; i++)
                node.Call(key, DrawKind());
        }

        After(Exponential(Options.CallEvery), NextCall);
    }

    private WaiterKind DrawKind() => Random.Next(100) switch
    {
        < 76 => WaiterKind.Get,
        < 84 => WaiterKind.Peek,
        < 90 => WaiterKind.Refresh,
        < 96 when Options.HasChanges => WaiterKind.Set,
        >= 96 when Options.HasChanges => WaiterKind.Remove,
        _ => WaiterKind.Get,
    };

    private void Crash()
    {
        var place = Random.Next(_nodes.Count);
        if (_nodes[place] is not { } node)
            return;
        node.Crash();
        _nodes[place] = null;
        LastCrash = Now;
        Coordinators.Crashed(node);
        After(SimOptions.Millis(Random.Next(10, 5000)), () => _nodes[place] = NewNode(place));
    }

    private void Down()
    {
        if (_nodes[Random.Next(_nodes.Count)] is not { IsAlone: false, IsPaused: false } node)
            return;
        // Perhaps it was about to leave.
        if (Random.Next(3) == 0)
            node.Deliver(Peer.Clock, Drain.Instance);
        After(SimOptions.Millis(Random.Next(500)), () =>
        {
            if (!node.IsAlive)
                return;
            node.GoOnAlone();
            Coordinators.Crashed(node);
        });
    }

    private void Pause()
    {
        if (_nodes[Random.Next(_nodes.Count)] is not { } node)
            return;
        node.Pause();
        After(SimOptions.Millis(Random.Next(10, 8000)), node.Continue);
    }

    private void CutOff()
    {
        var place = Random.Next(_nodes.Count);
        if (!_cutOff.Add(place))
            return;
        Oracle.CutOff();
        After(SimOptions.Millis(Random.Next(100, 8000)), () =>
        {
            _cutOff.Remove(place);
            if (_nodes[place] is { } node)
                Oracle.Returned(node);
        });
    }

    private void Partition()
    {
        if (_nodes.Count < 2)
            return;
        var link = (Random.Next(_nodes.Count), Random.Next(_nodes.Count));
        _cut.Add(link);
        After(SimOptions.Millis(Random.Next(100, 8000)), () => _cut.Remove(link));
    }

    private void Outage()
    {
        _outage = Random.Next(2) == 0 ? Outages.All : (Outages)Random.Next(2, 7);
        After(SimOptions.Millis(Random.Next(100, _outage == Outages.All ? 6000 : 15_000)), () => _outage = Outages.None);
    }

    private void Split()
    {
        if (Options.Partitions == 1 || Store.IsSplit || Store.IsAnyLost)
            return;
        var places = Enumerable.Range(0, _nodes.Count).Where(_ => Random.Next(2) == 0).ToHashSet();
        var isCut = Random.Next(3) != 0;
        var links = isCut
            ? (from a in Enumerable.Range(0, _nodes.Count) from b in Enumerable.Range(0, _nodes.Count) where places.Contains(a) != places.Contains(b) select (a, b)).ToArray()
            : [];
        Store.Split(places);
        Oracle.Split("partition of the store split");
        foreach (var link in links)
            _cut.Add(link);
        After(SimOptions.Millis(Random.Next(100, 6000)), () =>
        {
            foreach (var link in links)
                _cut.Remove(link);
            Store.Heal();
            Oracle.Split("partition of the store healed");
        });
    }

    private void LosePart()
    {
        var part = Random.Next(Options.Partitions);
        var after = SimOptions.Millis(Random.Next(100, 10_000));
        if (Options.Partitions == 1 || Store.IsSplit || Store.IsLost(part) || Now + after > Options.Active)
            return;
        Store.Lose(part);
        Coordinators.Lose(part, after);
        After(after, () =>
        {
            Store.Find(part);
            Oracle.NewEpoch("partition of the store lost", Store.BeginEpoch(part));
            foreach (var node in Nodes)
                node.ForgetChanges();
        });
    }

    private void NewEpoch()
    {
        Oracle.NewEpoch("new epoch of the store", Store.BeginEpoch());
        foreach (var node in Nodes)
            node.ForgetChanges();
    }

    private void FailOver()
    {
        Store.FailOver();
        Oracle.NewEpoch("fail-over of the store");
        foreach (var node in Nodes)
            node.ForgetChanges();
    }

    private void StepClock()
    {
        Store.StepClock();
        Oracle.ClockStepped();
    }

    private void Evict()
    {
        if (_nodes[Random.Next(_nodes.Count)] is { } node)
            node.EvictOne();
    }

    /// <summary>What the store refuses.</summary>
    private enum Outages
    {
        None,
        All,
        Commits,
        Claims,
        Reads,
        Changes,
        Renewals,
    }

    private readonly record struct Due(long At, long Order);

    private sealed class DueOrder : IComparer<Due>
    {
        public static readonly DueOrder Instance = new();

        public int Compare(Due x, Due y) => x.At != y.At ? x.At.CompareTo(y.At) : x.Order.CompareTo(y.Order);
    }
}
