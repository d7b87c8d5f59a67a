using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What all parts of the agent share: the time of the step, what it wants done, the table of keys, the queue of deadlines, the source of randomness, the work list.</summary>
/// <remarks>
/// The agent is a stack of parts, each with state of its own. A part calls those below it, which it is given when it is made, and never one above it: what those should
/// know it states as a <see cref="Fact"/> on the work list here. The list is served when the message or deadline that is being handled is done with, so no call ever comes
/// back into a part that is in the middle of something. At the end of a step each key that was touched is left in order: its next deadline is queued, or, where nothing
/// is left of it, it goes.
/// </remarks>
internal sealed class Kernel
{
    private const int MostTouchedKept = 1024;

    private readonly Random _random;
    private readonly Queue<Fact> _facts = new();
    private readonly List<KeyState> _touched = [];
    private long _operations;

    public Kernel(AgentSettings settings, Random random, IAccessLog access)
    {
        Settings = settings;
        _random = random;
        Access = access;
        Epochs = new string[settings.Partitions];
        Array.Fill(Epochs, "");
        Samples = new KeyState?[settings.Partitions];
        OfShard = new ShardKeys(settings.Shards);
    }

    /// <summary>Whether the cluster is over for this node: it goes on with its store alone.</summary>
    public bool IsAlone { get; set; }

    /// <summary>When the node tells the others that it lives, and what has gathered until then; <see cref="long.MaxValue"/>: there is nothing to tell.</summary>
    public long HousekeepingAt { get; set; } = long.MaxValue;

    /// <summary>How many gaps have been found in what others say.</summary>
    public long Gaps { get; set; }

    /// <summary>The keys of each shard; none where there are no coordinators.</summary>
    public ShardKeys OfShard { get; }

    /// <summary>
    /// What values that were made without the store were based on when a new epoch of it began. Tokens don't compare across epochs, but one that comes back is the same record's.
    /// </summary>
    public Dictionary<KeyState, long> EarlierBases { get; } = [];

    /// <summary>The epoch of each partition of the store; empty: not known yet.</summary>
    public string[] Epochs { get; }

    /// <summary>A key of each part, while there is one; to ask with.</summary>
    public KeyState?[] Samples { get; }

    public AgentSettings Settings { get; }

    public IAccessLog Access { get; }

    public Dictionary<string, KeyState> Keys { get; } = new(StringComparer.Ordinal);

    public DeadlineQueue<Timed> Deadlines { get; } = new();

    public long Now { get; set; }

    public Outbox Out { get; set; } = null!;

    public bool IsDraining { get; set; }

    public bool HasDrained { get; set; }

    /// <summary>Whether somebody else may keep the due times of this node's keys.</summary>
    public bool HasCoordinators => Settings.Shards > 0 && !IsAlone;

    /// <summary>Whether each partition of the store lives with the coordinator of its shard, in one node's memory alone.</summary>
    public bool IsStoreInShards => Epochs.Length > 1 && Epochs.Length == Settings.Shards;

    public KeyState? SampleOf(int part)
    {
        if (Samples[part] is { IsGone: true })
            Samples[part] = Keys.Values.FirstOrDefault(s => s.Partition == part);
        return Samples[part];
    }

    /// <summary>Whether a test has this step left out.</summary>
    public bool Omits(Step step) => Settings.Omits is { } omits && omits(step, null);

    /// <inheritdoc cref="Omits(Step)"/>
    public bool Omits<T>(Step step, T subject) => Settings.Omits is { } omits && omits(step, subject);

    /// <summary>Puts something into the queue of deadlines, where its next one is earlier than the place it has.</summary>
    public void Queue(Timed timed) => Deadlines.Put(timed);

    /// <summary>At the latest with the next pulse something is to be told.</summary>
    public void WakePulse()
    {
        if (HousekeepingAt == long.MaxValue)
            HousekeepingAt = Now + Settings.Heartbeat;
    }

    /// <summary>States something that parts above this one act on, before the step ends.</summary>
    public void Post(in Fact fact)
    {
        _facts.Enqueue(fact);
        if (fact.State is { } state)
            Settle(state);
    }

    public bool TryTakeFact(out Fact fact) => _facts.TryDequeue(out fact);

    /// <summary>Something has changed about a key: when the step ends, its deadline is queued, or nothing is left of it and it goes.</summary>
    public void Settle(KeyState state)
    {
        if (state.IsTouched)
            return;
        state.IsTouched = true;
        _touched.Add(state);
    }

    /// <summary>Ends the step for the keys that it has touched.</summary>
    /// <param name="keepDue">Sees to it that a key has a next time where it must have one.</param>
    public void SettleTouched(Action<KeyState> keepDue)
    {
        for (var i = 0; i < _touched.Count; i++)
        {
            var state = _touched[i];
            state.IsTouched = false;
            if (state.IsGone)
                continue;
            keepDue(state);
            if (state.IsIdle)
                Remove(state);
            else
                Queue(state);
        }

        _touched.Clear();
        if (_touched.Capacity > MostTouchedKept)
            _touched.Capacity = MostTouchedKept;
    }

    private void Remove(KeyState state)
    {
        state.IsGone = true;
        Deadlines.Remove(state);
        Keys.Remove(state.Key);
        OfShard.Remove(state);
        EarlierBases.Remove(state);
    }

    public KeyState StateOf(string key)
    {
        if (!Keys.TryGetValue(key, out var state))
        {
            Keys.Add(key, state = new KeyState(key, PartitionOf(key), Settings.ShardOf?.Invoke(key) ?? 0));
            OfShard.Add(state);
            if (Samples[state.Partition] is null or { IsGone: true })
                Samples[state.Partition] = state;
            if (HousekeepingAt == long.MaxValue)
                HousekeepingAt = Now;
        }

        return state;
    }

    public int PartitionOf(string key) => Settings.PartitionOf?.Invoke(key) ?? 0;

    public OperationId NextOperation() => new(Settings.NodeId, ++_operations);

    public void Answer(Waiter? chain, AnswerKind kind)
    {
        if (chain is not null)
            Out.Send(Peer.Callers, new Answered(chain, kind));
    }

    public void AnswerValue(Waiter? chain, CachePayload payload, long token)
    {
        if (chain is not null)
            Out.Send(Peer.Callers, new Answered(chain, AnswerKind.Value) { Payload = payload, Token = token });
    }

    public void AnswerFailure(Waiter? chain, GenerationFailure? failure, AnswerKind kind = AnswerKind.Failed)
    {
        if (chain is not null)
            Out.Send(Peer.Callers, new Answered(chain, kind) { Failure = failure });
    }

    public long Random(long below) => below <= 0 ? 0 : _random.NextInt64(below);
}
