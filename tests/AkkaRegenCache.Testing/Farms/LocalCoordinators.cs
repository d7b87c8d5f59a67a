using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Testing.Farms;

/// <summary>
/// The coordinators of a farm in this process, without a cluster: what is sent to them waits until <see cref="Serve"/>, which one thread at a time calls.
/// </summary>
internal sealed class LocalCoordinators
{
    private readonly CoordinatorShard[] _shards;
    private readonly ConcurrentQueue<(int Shard, ToCoordinator Message)> _sent = new();
    private readonly ConcurrentDictionary<string, Action<object>> _nodes = new();
    private readonly CoordinatorOutbox _outbox = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;

    /// <summary>Creates them.</summary>
    /// <param name="shards">How many.</param>
    /// <param name="time">Their clock; its timers stand where they want to be served.</param>
    public LocalCoordinators(int shards, TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _shards = new CoordinatorShard[shards];
        for (int i = 0; i < shards; i++)
            _shards[i] = new CoordinatorShard(new CoordinatorSettings { Shard = i, Incarnation = 1 }, new Random(i));
    }

    public int KeyCount => _shards.Sum(s => s.KeyCount);

    /// <summary>Serves what was sent and what is due.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Serve()
    {
        bool any = false;
        long now = _time.GetTimestamp();
        while (_sent.TryDequeue(out (int Shard, ToCoordinator Message) item))
        {
            any = true;
            Feed(_shards[item.Shard], item.Message, now);
        }

        foreach (CoordinatorShard shard in _shards)
        {
            for (; shard.NextDeadline <= now; any = true)
                Feed(shard, Tick.Instance, now);
        }

        long next = _shards.Min(s => s.NextDeadline);
        _timer.Change(next == long.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(Math.Clamp(next - now, 0, TimeSpan.TicksPerDay)), Timeout.InfiniteTimeSpan);
        return any;
    }

    /// <summary>A node's way to them.</summary>
    public ICoordinatorLink NewLink() => new Link(this);

    private void Feed(CoordinatorShard shard, object message, long now)
    {
        shard.On(message, now, _outbox);
        for (int i = 0; i < _outbox.Count; i++)
        {
            (string? node, FromCoordinator said) = _outbox[i];
            foreach ((string name, Action<object> handler) in _nodes)
            {
                if (node is null || node == name)
                    handler(said);
            }
        }

        _outbox.Clear();
    }

    private sealed class Link(LocalCoordinators all) : ICoordinatorLink
    {
        public int Shards => all._shards.Length;

        public int ShardOf(string key)
        {
            uint hash = 2166136261;
            foreach (char c in key)
                hash = (hash ^ c) * 16777619;
            return (int)(hash % (uint)Shards);
        }

        public void Send(int shard, ToCoordinator message) => all._sent.Enqueue((shard, message));

        public IDisposable Attach(string nodeId, Action<object> handler)
        {
            all._nodes[nodeId] = handler;
            return new Detached(() => all._nodes.TryRemove(nodeId, out _));
        }
    }

    private sealed class Detached(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
