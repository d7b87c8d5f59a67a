using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>Coordinators that write down what they hear, and fail when told so. Those of all nodes of a cluster.</summary>
internal sealed class Machines
{
    /// <summary>The key of a message at which a machine fails.</summary>
    public const string Poison = "poison";

    private readonly ConcurrentQueue<Machine> _all = [];

    public CoordinatorShard Make(CoordinatorSettings settings, Random random)
    {
        var machine = new Machine(settings, random);
        _all.Enqueue(machine);
        return machine;
    }

    public IReadOnlyList<Machine> Of(int shard) => [.. _all.Where(m => m.Shard == shard)];
}

/// <summary>One of them.</summary>
internal sealed class Machine(CoordinatorSettings settings, Random random) : CoordinatorShard(settings, random)
{
    public int Shard { get; } = settings.Shard;

    public ConcurrentQueue<object> Heard { get; } = [];

    public override void On(object message, long now, CoordinatorOutbox outbox)
    {
        Heard.Enqueue(message);
        if (message is AwaitEnded { Key: Machines.Poison })
            throw new InvalidOperationException("planted");
        base.On(message, now, outbox);
    }
}
