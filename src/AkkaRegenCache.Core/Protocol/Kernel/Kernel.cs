using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// What all components of the agent share: the step's time and outbox, the keys, the deadlines, the randomness and the work list.
/// </summary>
/// <remarks>
/// The agent is a stack of components, each with its own state. A component calls only those below it, which its constructor takes. What
/// those above it should know, it states as a <see cref="Fact"/> on the work list here. The list is served when the current message or
/// deadline has been handled, so no call comes back into a component that has not finished its work. At the end of a step each touched key
/// is settled: its next deadline is queued, or the key is removed if nothing is left of it. /// </remarks>
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

    /// <summary>Whether the node has left the cluster for good: it goes on with its store alone.</summary>
    public bool IsAlone { get; set; }

    /// <summary>
    /// When the node sends its heartbeat and what has collected for it; <see cref="long.MaxValue"/>: nothing is to be sent.
    /// </summary>
    public long HousekeepingAt { get; set; } = long.MaxValue;

    /// <summary>The number of gaps found in notifications.</summary>
    public long Gaps { get; set; }

    /// <summary>The keys of each shard; none where there are no coordinators.</summary>
    public ShardKeys OfShard { get; }

    /// <summary>
    /// The basis of values that were made without the store, for those shown when a new epoch began. Tokens don't compare across epochs,
    /// but a record that returns with the same token is the same record.
    /// </summary>
    public Dictionary<KeyState, long> EarlierBases { get; } = [];

    /// <summary>The epoch of each partition of the store; empty: not known yet.</summary>
    public string[] Epochs { get; }

    /// <summary>One key of each partition, to probe the partition with; null: it has none.</summary>
    public KeyState?[] Samples { get; }

    public AgentSettings Settings { get; }

    public IAccessLog Access { get; }

    public Dictionary<string, KeyState> Keys { get; } = new(StringComparer.Ordinal);

    public DeadlineQueue<Timed> Deadlines { get; } = new();

    public long Now { get; set; }

    public Outbox Out { get; set; } = null!;

    public bool IsDraining { get; set; }

    public bool HasDrained { get; set; }

    /// <summary>Whether coordinators may keep the due times of this node's keys.</summary>
    public bool HasCoordinators => Settings.Shards > 0 && !IsAlone;

    /// <summary>Whether each partition of the store is in the memory of its shard's coordinator only.</summary>
    public bool IsStoreInShards => Epochs.Length > 1 && Epochs.Length == Settings.Shards;

    public KeyState? SampleOf(int partition)
    {
        if (Samples[partition] is { IsGone: true })
            Samples[partition] = Keys.Values.FirstOrDefault(s => s.Partition == partition);
        return Samples[partition];
    }

    /// <summary>Whether a test leaves this step out.</summary>
    public bool Omits(Step step) => Settings.Omits is { } omits && omits(step, null);

    /// <inheritdoc cref="Omits(Step)"/>
    public bool Omits<T>(Step step, T subject) => Settings.Omits is { } omits && omits(step, subject);

    /// <summary>Queues an item's deadline, if it is earlier than the queued one.</summary>
    public void Queue(Timed timed) => Deadlines.Put(timed);

    /// <summary>Something is to be sent with the next heartbeat, at the latest.</summary>
    public void WakeHousekeeping()
    {
        if (HousekeepingAt == long.MaxValue)
            HousekeepingAt = Now + Settings.Heartbeat;
    }

    /// <summary>States a fact, which the components above act on before the step ends.</summary>
    public void Post(in Fact fact)
    {
        _facts.Enqueue(fact);
        if (fact.State is { } state)
            Settle(state);
    }

    public bool TryTakeFact(out Fact fact) => _facts.TryDequeue(out fact);

    /// <summary>
    /// A key's state has changed: at the end of the step its deadline is queued, or the key is removed if nothing is left of it.
    /// </summary>
    public void Settle(KeyState state)
    {
        if (state.IsTouched)
            return;
        state.IsTouched = true;
        _touched.Add(state);
    }

    /// <summary>Settles the keys that the step has touched.</summary>
    /// <param name="keepDue">Gives a key a due time if it must have one.</param>
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
