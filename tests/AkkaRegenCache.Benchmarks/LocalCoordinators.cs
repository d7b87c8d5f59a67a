using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// The coordinators of a farm in this process, without a cluster: what is sent to them waits until <see cref="Serve"/>, which one thread calls, on whatever
/// clock it has.
/// </summary>
internal sealed class LocalCoordinators
{
    private readonly CoordinatorShard[] _shards;
    private readonly ConcurrentQueue<(int Shard, ToCoordinator Message)> _sent = new();
    private readonly ConcurrentDictionary<string, Action<object>> _nodes = new();
    private readonly CoordinatorOutbox _outbox = new();

    public LocalCoordinators(int shards)
    {
        _shards = new CoordinatorShard[shards];
        for (int i = 0; i < shards; i++)
            _shards[i] = new CoordinatorShard(new CoordinatorSettings { Shard = i, Incarnation = 1 }, new Random(i));
    }

    public int KeyCount => _shards.Sum(s => s.KeyCount);

    /// <summary>Serves what was sent and what is due.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Serve(long now)
    {
        bool any = false;
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
