using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What all parts of the agent share: the time, what is to be sent, the table of keys, the queue of deadlines, the source of randomness.</summary>
internal sealed class Kernel
{
    private readonly Random _random;
    private long _operations;

    public Kernel(AgentSettings settings, Random random, IAccessLog access)
    {
        Settings = settings;
        _random = random;
        Access = access;
        Lives = new string[settings.Parts];
        Array.Fill(Lives, "");
        Samples = new KeyState?[settings.Parts];
        OfShard = new ShardKeys(settings.Shards);
    }

    public Parts Parts { get; set; } = null!;

    public bool IsAlone { get; set; }

    public long Gaps { get; set; }

    /// <summary>The keys of each shard; none where there are no coordinators.</summary>
    public ShardKeys OfShard { get; }

    /// <summary>The life of each part of the store; empty: not known yet.</summary>
    public string[] Lives { get; }

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

    /// <summary>Whether each part of the store lives with the coordinator of its shard, in one node's memory alone.</summary>
    public bool IsStoreInShards => Lives.Length > 1 && Lives.Length == Settings.Shards;

    public KeyState? SampleOf(int part)
    {
        if (Samples[part] is { IsGone: true })
            Samples[part] = Keys.Values.FirstOrDefault(s => s.Part == part);
        return Samples[part];
    }

    /// <summary>Keys in memory, scheduled or with something in flight.</summary>
    public int KeyCount => Keys.Count;

    /// <summary>How many things stand in the queue of deadlines: what has ended must not.</summary>
    public int DeadlineCount => Deadlines.Count;

    /// <summary>What memory should show of a key, for the simulator's checks.</summary>
    public KeyState? Find(string key) => Keys.GetValueOrDefault(key);

    /// <summary>Whether a test has this step left out.</summary>
    public bool Omits(Step step, object? subject = null) => Settings.Omits is { } omits && omits(step, subject);

    /// <summary>Puts something into the queue of deadlines, where its next one is earlier than the place it has.</summary>
    public void Queue(Timed timed) => Deadlines.Put(timed);

    /// <summary>Ends a step on a key: its deadline is queued, or nothing is left of it and it goes.</summary>
    public void Settle(KeyState state)
    {
        if (state.IsGone)
            return;
        Parts.Scheduling.KeepDue(state);
        if (state.IsIdle)
        {
            state.IsGone = true;
            Deadlines.Remove(state);
            Keys.Remove(state.Key);
            OfShard.Remove(state);
        }
        else
        {
            Queue(state);
        }
    }

    public KeyState StateOf(string key)
    {
        if (!Keys.TryGetValue(key, out var state))
        {
            Keys.Add(key, state = new KeyState(key, PartOf(key), Settings.ShardOf?.Invoke(key) ?? 0));
            OfShard.Add(state);
            if (Samples[state.Part] is null or { IsGone: true })
                Samples[state.Part] = state;
            if (Parts.Pulse.PulseAt == long.MaxValue)
                Parts.Pulse.PulseAt = Now;
        }

        return state;
    }

    public int PartOf(string key) => Settings.PartOf?.Invoke(key) ?? 0;

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
