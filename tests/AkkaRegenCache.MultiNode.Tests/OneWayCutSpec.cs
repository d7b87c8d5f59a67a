using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

/// <summary>Partitions in one direction: a node that is not heard, or one that hears nothing.</summary>
public sealed class OneWayCutSpec
{
    private const string IsNotHeard = "is not heard";
    private const string HearsNothing = "hears nothing";

    [Theory]
    [BothModes(IsNotHeard, HearsNothing)]
    public async Task While_nothing_passes_in_one_direction_everybody_is_answered_and_after_the_healing_all_agree(string mode, string third)
    {
        await using var farm = await Farm.StartAsync(mode);
        var there = await Farm.KeyAtAsync(farm.Third);
        var here = await Farm.KeyAtAsync(farm.First);
        await farm.Third.Cache.SetAsync("warm", "warm");
        await farm.AllShowAsync("warm", "warm");
        await CutAsync(farm, third);

        Assert.All(farm.Nodes, node => node.AssertWarm("warm", "warm"));
        var made = farm.Nodes.Select(node => "made by " + node.Name).ToArray();
        var answers = farm.Nodes.SelectMany(node => ((string[])[there, here]).Select(key => node.AskOften(key, "made by " + node.Name))).ToList();
        await Answers.AllAreAsync(made, answers);
        await farm.HealAsync();

        await farm.AgreeAsync(there, made);
        await farm.AgreeAsync(here, made);
        await farm.SetsReachAllAsync("after the healing");
    }

    [Theory]
    [BothModes(IsNotHeard, HearsNothing)]
    public async Task When_nothing_passes_from_or_to_the_generating_node_another_takes_over_and_all_show_what_the_store_accepted(string mode, string third)
    {
        await using var farm = await Farm.StartAsync(mode);
        var key = await Farm.KeyAtAsync(farm.First);
        var run = new HeldRun("too late");
        var late = farm.Third.Ask(key, run.Generate);
        await run.BegunAsync();
        var others = farm.Others(farm.Third).Select(node => node.Ask(key, "taken over")).ToList();
        others.ForEach(each => each.AssertNoneYet());
        await CutAsync(farm, third);

        await Answers.AllAreAsync("taken over", others);
        run.End();
        await Answers.AllAreAsync(["too late", "taken over"], late);
        await farm.HealAsync();
        Assert.Equal("taken over", await farm.AgreeAsync(key, "taken over", "too late"));
    }

    private static Task CutAsync(Farm farm, string third) => farm.CutAsync(
        [.. farm.Others(farm.Third).Select(other => third == IsNotHeard ? (farm.Third, other) : (other, farm.Third))]);
}
