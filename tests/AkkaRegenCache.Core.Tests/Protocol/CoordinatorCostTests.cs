using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>Runs while no other test does: what is measured is the process's memory.</summary>
[CollectionDefinition(nameof(MeasuresMemory), DisableParallelization = true)]
public sealed class MeasuresMemory;

[Collection(nameof(MeasuresMemory))]
public sealed class CoordinatorCostTests
{
    [Fact]
    public void A_tracked_key_takes_no_more_than_250_bytes()
    {
        const int Count = 100_000;
        var shard = new CoordinatorShard(new CoordinatorSettings { Shard = 0, Incarnation = 1 }, new Random(1));
        var outbox = new CoordinatorOutbox();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++)
            shard.On(Fresh($"product:{i:D8}"), i, outbox);

        // What it remembers for those who register late is gone after a while.
        while (shard.NextDeadline < TimeSpan.FromSeconds(30).Ticks)
            shard.On(Tick.Instance, shard.NextDeadline, outbox);

        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)Count;

        Assert.Equal(Count, shard.KeyCount);
        Assert.InRange(each, 1, 250);
    }

    private static OutcomeKnown Fresh(string key) => new()
    {
        Node = "a",
        Offers = true,
        Outcome = new CacheNotification
        {
            Publisher = "a",
            Kind = NotificationKind.Fresh,
            Epoch = "1",
            Key = key,
            Token = 10,
            DueIn = TimeSpan.FromMinutes(1),
            ActiveFor = TimeSpan.FromHours(1),
        },
    };
}
