using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class TwoPartitionsSpec
{
    [Theory]
    [BothModes]
    public async Task After_two_partitions_one_after_the_other_all_agree_on_what_was_made_and_set_in_each(string mode)
    {
        await using var farm = await Farm.StartAsync(mode);
        await PartitionAsync(farm, farm.Third, "first partition");

        // This time the oldest node, which decides where shards live.
        await PartitionAsync(farm, farm.First, "second partition");
    }

    private static async Task PartitionAsync(Farm farm, FarmNode isolated, string name)
    {
        var other = farm.Others(isolated)[0];
        var there = await Farm.KeyAtAsync(isolated, name + " there");
        var here = await Farm.KeyAtAsync(other, name + " here");
        await farm.CutOffAsync(isolated);
        var made = farm.Nodes.Select(node => $"made by {node.Name} in the {name}").ToArray();
        var answers = farm.Nodes
            .SelectMany(node => ((string[])[there, here]).Select(key => node.AskOften(key, $"made by {node.Name} in the {name}")))
            .ToList();
        await Answers.AllAreAsync(made, answers);
        await isolated.Cache.SetAsync("both", $"set by {isolated.Name} in the {name}").AsTask().WaitAsync(Eventually.Deadline);
        await other.Cache.SetAsync("both", $"set by {other.Name} in the {name}").AsTask().WaitAsync(Eventually.Deadline);
        await farm.HealAsync();

        await farm.AgreeAsync(there, made);
        await farm.AgreeAsync(here, made);
        await farm.AgreeAsync("both", $"set by {isolated.Name} in the {name}", $"set by {other.Name} in the {name}");
        await farm.SetsReachAllAsync("after the " + name);
    }
}
