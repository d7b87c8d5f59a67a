using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class CrashSpec
{
    [Theory]
    [BothModes]
    public async Task When_a_generating_node_crashes_another_takes_over_and_its_shards_come_back(string mode)
    {
        await using var farm = await Farm.StartAsync(
            mode, new FarmSettings { DownAfter = FarmConfig.SoonDown, Options = new RegenCacheOptions { LeaveTimeout = TimeSpan.Zero } });
        var stay = farm.Others(farm.Third);
        var key = await Farm.KeyAtAsync(farm.First);
        var lost = await Farm.KeyAtAsync(farm.Third, "lost");
        var run = new HeldRun("never");
        _ = farm.Third.Ask(key, run.Generate);
        await run.BegunAsync();
        var answers = stay.Select(node => node.Ask(key, "taken over")).ToList();
        answers.ForEach(each => each.AssertNoneYet());

        await farm.Third.CrashAsync();
        await Answers.AllAreAsync("taken over", answers);
        farm.AssertRuns(2);

        await Farm.MembersAreAsync(stay);
        await Eventually.PassesAsync("a set is accepted", async () => Assert.False((await farm.First.Cache.SetAsync(lost, "set again")).IsPending));
        await farm.AllShowAsync(lost, "set again", stay);
        foreach (var node in stay)
            Assert.Equal($"{node.Name} reads set again", await node.StoredAsync(lost));
    }
}
