using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class LeavingSpec
{
    [Theory]
    [BothModes]
    public async Task A_node_that_leaves_ends_its_run_and_hands_its_records_over(string mode)
    {
        await using var farm = await Farm.StartAsync(mode, new FarmSettings { Options = FarmSettings.Patient });
        var stay = farm.Others(farm.Third);
        var kept = await Farm.KeyAtAsync(farm.Third, "kept");
        var key = await Farm.KeyAtAsync(farm.First);
        await Answers.AllAreAsync("kept", farm.Third.Ask(kept, "kept"));
        var run = new HeldRun("made by the one that left");
        var answers = new List<Answers> { farm.Third.Ask(key, run.Generate) };
        await run.BegunAsync();
        answers.AddRange(stay.Select(node => node.Ask(key, "made again")));
        answers.ForEach(each => each.AssertNoneYet());

        var leaving = farm.Third.LeaveAsync();
        run.End();
        await Answers.AllAreAsync("made by the one that left", answers);
        await leaving;

        await Farm.MembersAreAsync(stay);
        foreach (var node in stay)
            Assert.Equal($"{node.Name} reads kept", await node.StoredAsync(kept));
        await Answers.AllAreAsync("kept", [.. stay.Select(node => node.Ask(kept, "lost"))]);
        farm.AssertRuns(2);
    }
}
