using System.Collections.Immutable;
using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster.Sharding;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>The region of the last node, which stops while a shard that it has messages for finds no home.</summary>
public sealed class RegionEndTests
{
    private static readonly TimeSpan s_phase = TimeSpan.FromSeconds(300);

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task It_ends_when_it_hosts_nothing(int hosted)
    {
        await using var node = new TestNode($"akka.coordinated-shutdown.phases.cluster-sharding-shutdown-region.timeout = {s_phase.TotalSeconds} s");
        node.Cluster.Join(node.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([node]);
        var region = await ClusterSharding.Get(node.System).StartAsync(
            "region",
            Props.Create(() => new Echo()),
            ClusterStart.SettingsOf(node.System, new RegenClusterOptions { Role = "" }),
            new ShardOfItsOwn(),
            new SomeHomes(),
            PoisonPill.Instance);
        for (var i = 0; i < hosted; i++)
            Assert.Equal("hosted" + i, await region.Ask<string>("hosted" + i, TimeSpan.FromSeconds(60)));
        region.Tell("homeless");

        ClusterStart.EndLastRegion(node.System, "catalog", role: null, region);
        var watch = Stopwatch.StartNew();
        await CoordinatedShutdown.Get(node.System).Run(CoordinatedShutdown.ClrExitReason.Instance);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_phase / 2);
    }

    private sealed class Echo : UntypedActor
    {
        protected override void OnReceive(object message) => Sender.Tell(message);
    }

    private sealed class ShardOfItsOwn : HashCodeMessageExtractor
    {
        public ShardOfItsOwn()
            : base(1)
        {
        }

        public override string EntityId(object message) => (string)message;

        public override string ShardId(string entityId, object? messageHint = null) => entityId;
    }

    private sealed class SomeHomes : IShardAllocationStrategy
    {
        public Task<IActorRef> AllocateShard(
            IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations) =>
            shardId == "homeless" ? new TaskCompletionSource<IActorRef>().Task : Task.FromResult(requester);

        public Task<IImmutableSet<string>> Rebalance(
            IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress) =>
            Task.FromResult<IImmutableSet<string>>(ImmutableHashSet<string>.Empty);
    }
}
