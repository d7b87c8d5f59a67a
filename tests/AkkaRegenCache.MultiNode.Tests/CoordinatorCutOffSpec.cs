using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class CoordinatorCutOffSpec
{
    [Theory]
    [BothModes]
    public async Task While_the_node_of_a_keys_coordinator_is_cut_off_both_sides_get_values_and_after_the_healing_they_agree(string mode)
    {
        await using var farm = await Farm.StartAsync(mode);
        var cold = await Farm.KeyAtAsync(farm.Third, "cold");
        var there = await Farm.KeyAtAsync(farm.Third, "set from the other side");
        var here = await Farm.KeyAtAsync(farm.First, "set from the other side");
        foreach (var (key, value) in ((string, string)[])[("warm", "warm"), (there, "before"), (here, "before")])
        {
            await farm.First.Cache.SetAsync(key, value);
            await farm.AllShowAsync(key, value);
        }

        await farm.CutOffAsync(farm.Third);

        Assert.All(farm.Nodes, node => node.AssertWarm("warm", "warm"));
        var answers = farm.Nodes.Select(node => node.AskOften(cold, "made by " + node.Name)).ToList();
        var made = farm.Nodes.Select(node => "made by " + node.Name).ToArray();
        await Answers.AllAreAsync(made, answers);
        await farm.First.Cache.SetAsync(there, "set by first").AsTask().WaitAsync(Eventually.Deadline);
        await farm.Third.Cache.SetAsync(here, "set by third").AsTask().WaitAsync(Eventually.Deadline);
        Assert.All(farm.Nodes, node => node.AssertWarm("warm", "warm"));
        await farm.HealAsync();

        await farm.AgreeAsync(cold, made);
        await farm.AllShowAsync(there, "set by first");
        await farm.AllShowAsync(here, "set by third");
        await farm.SetsReachAllAsync("after the healing");
    }
}
