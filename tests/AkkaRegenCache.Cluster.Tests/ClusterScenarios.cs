using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Scenarios;
using AkkaRegenCache.Testing.Stores;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>
/// Farms whose store is in a real cluster of two actor systems, on virtual time: half of the shards are beyond a connection, and the entities' clock is the
/// farm's, which stands while a call is under way. Each farm has a region of its own.
/// </summary>
/// <remarks>
/// Notifications and coordinators are those of the farm in one process, on its clock: the cluster's are in <see cref="ClusterCacheTests"/>,
/// <see cref="FaultTests"/>, the multi-node specs and the farm lab, in real time.
/// </remarks>
public sealed class ClusterMode : FarmMode, IDisposable
{
    private const int Shards = 4;

    private static readonly Lazy<ClusterMode> s_shared = new(() => new ClusterMode());

    private readonly TestCluster _cluster = TestCluster.StartNewAsync(2).GetAwaiter().GetResult();
    private int _farms;

    private ClusterMode() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose();

    /// <summary>One cluster for all scenarios.</summary>
    public static FarmMode Shared => s_shared.Value;

    public override Farm Create(FarmSetup setup)
    {
        var prefix = $"farm{Interlocked.Increment(ref _farms)}-";
        var backend = new Backend();
        return new VirtualFarm(
            setup,
            clock => new CountedStore(new NamedStores(name => StartAsync(prefix + name, clock).GetAwaiter().GetResult()), backend.Calls),
            backend,
            isCoordinated: true);
    }

    public void Dispose() => _cluster.DisposeAsync().GetAwaiter().GetResult();

    private async Task<IExternalStore> StartAsync(string name, TimeProvider clock)
    {
        var options = new RegenClusterOptions { Shards = Shards, ShardTime = clock, HandleTerminationSignal = false, KeepAliveInterval = TimeSpan.FromMinutes(10) };
        var places = new List<ClusterNode>();
        foreach (var node in _cluster.Nodes)
        {
            var place = new ClusterNode(name, options);
            await ClusterStart.StartAsync(node.System, place, null, () => Task.CompletedTask, hasHost: true);
            places.Add(place);
        }

        var store = places[0].Before(null);
        await Eventually.Holds(() => places[0].IsUp, "the node is a member");
        for (var shard = 0; shard < Shards; shard++)
        {
            var key = TestCluster.KeyOf(places[0], shard);
            await Eventually.Holds(() => TestCluster.AnswersAsync(store, key), $"shard {shard} answers");
        }

        return store;
    }

    /// <summary>The entities read the farm's clock themselves.</summary>
    private sealed class Backend : IVirtualBackend
    {
        public CallCount Calls { get; } = new();

        public int CallsUnderWay => Calls.Count;

        public Task SetTimeAsync(TimeSpan now) => Task.CompletedTask;
    }
}

public sealed class BadInput_in_a_cluster() : BadInputScenarios(ClusterMode.Shared);

public sealed class Cancellation_in_a_cluster() : CancellationScenarios(ClusterMode.Shared);

public sealed class Change_in_a_cluster() : ChangeScenarios(ClusterMode.Shared);

public sealed class Deadlock_in_a_cluster() : DeadlockScenarios(ClusterMode.Shared);

public sealed class Failure_in_a_cluster() : FailureScenarios(ClusterMode.Shared);

public sealed class Generator_in_a_cluster() : GeneratorScenarios(ClusterMode.Shared);

public sealed class Keyspace_in_a_cluster() : KeyspaceScenarios(ClusterMode.Shared);

public sealed class Lifetime_in_a_cluster() : LifetimeScenarios(ClusterMode.Shared);

public sealed class Memory_in_a_cluster() : MemoryScenarios(ClusterMode.Shared);

public sealed class NodeLife_in_a_cluster() : NodeLifeScenarios(ClusterMode.Shared);

public sealed class ReadAndRefresh_in_a_cluster() : ReadAndRefreshScenarios(ClusterMode.Shared);

public sealed class ReadThrough_in_a_cluster() : ReadThroughScenarios(ClusterMode.Shared);

public sealed class Recovery_in_a_cluster() : RecoveryScenarios(ClusterMode.Shared);

public sealed class Regeneration_in_a_cluster() : RegenerationScenarios(ClusterMode.Shared);

public sealed class Schedule_in_a_cluster() : ScheduleScenarios(ClusterMode.Shared);

public sealed class StoreFailure_in_a_cluster() : StoreFailureScenarios(ClusterMode.Shared);

public sealed class StoreTimeout_in_a_cluster() : StoreTimeoutScenarios(ClusterMode.Shared);

public sealed class Value_in_a_cluster() : ValueScenarios(ClusterMode.Shared);

public sealed class Overload_in_a_cluster() : OverloadScenarios(ClusterMode.Shared);

public sealed class WhatBreaksOthers_in_a_cluster() : WhatBreaksOthersScenarios(ClusterMode.Shared);
