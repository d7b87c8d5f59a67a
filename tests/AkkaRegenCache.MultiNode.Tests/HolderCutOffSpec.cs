using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class HolderCutOffSpec
{
    [Theory]
    [BothModes]
    public async Task When_the_generating_node_is_cut_off_another_takes_over_and_what_it_made_meanwhile_is_not_accepted(string mode)
    {
        await using var farm = await Farm.StartAsync(mode);
        var key = await Farm.KeyAtAsync(farm.First);
        var run = new HeldRun("too late");
        var late = farm.Third.Ask(key, run.Generate);
        await run.BegunAsync();
        var others = farm.Others(farm.Third).Select(node => node.Ask(key, "taken over")).ToList();
        others.ForEach(each => each.AssertNoneYet());
        await farm.CutOffAsync(farm.Third);

        await Answers.AllAreAsync("taken over", others);
        run.End();

        // Those who asked before may have either; what is shown from now on may not.
        await Answers.AllAreAsync(["too late", "taken over"], late);
        await farm.HealAsync();
        Assert.Equal("taken over", await farm.AgreeAsync(key, "taken over", "too late"));
        farm.AssertRuns(2);
    }
}
