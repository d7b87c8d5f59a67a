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
        var machine = new Machine(settings.Shard, settings.Incarnation);
        _all.Enqueue(machine);
        return new CoordinatorShard(settings with { Hears = machine.Hear }, random);
    }

    public IReadOnlyList<Machine> Of(int shard) => [.. _all.Where(m => m.Shard == shard)];
}

/// <summary>What one of them has heard.</summary>
internal sealed class Machine(int shard, long incarnation)
{
    public int Shard { get; } = shard;

    public long Incarnation { get; } = incarnation;

    public ConcurrentQueue<object> Heard { get; } = [];

    public void Hear(object message)
    {
        Heard.Enqueue(message);
        if (message is AwaitEnded { Key: Machines.Poison })
            throw new InvalidOperationException("planted");
    }
}
