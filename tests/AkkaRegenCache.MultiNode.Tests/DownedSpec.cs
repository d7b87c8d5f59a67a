using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class DownedSpec
{
    [Theory]
    [BothModes]
    public async Task When_the_majority_downs_a_node_that_it_cannot_reach_it_goes_on_and_calls_on_the_downed_node_still_end(string mode)
    {
        await using var farm = await Farm.StartAsync(mode, new FarmSettings { DownAfter = FarmConfig.SoonDown });
        var majority = farm.Others(farm.Third);
        var lost = await Farm.KeyAtAsync(farm.Third, "lost");
        await farm.First.Cache.SetAsync("warm", "warm");
        await farm.AllShowAsync("warm", "warm");
        await farm.CutOffAsync(farm.Third);
        var during = farm.Third.Ask(lost, "made by third");

        await Farm.MembersAreAsync(majority);
        await farm.Third.System.WhenTerminated.WaitAsync(Eventually.Deadline);

        // Each node's callers are answered; in cluster-only mode each side may have a value of its own.
        await Answers.AllAreAsync("made by third", during);
        Assert.All(farm.Nodes, node => node.AssertWarm("warm", "warm"));
        await Answers.AllAreAsync("made by third", farm.Third.Ask("later", "made by third"));
        await farm.SetsReachAllAsync("after the downing", majority);

        var runs = farm.Nodes.Sum(node => node.Runs);
        await Answers.AllAreAsync("made by the majority", [.. majority.Select(node => node.Ask("cold", "made by the majority"))]);
        farm.AssertRuns(runs + 1);
    }
}
