using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class ColdKeySpec
{
    [Theory]
    [BothModes]
    public async Task A_cold_key_asked_for_by_ten_callers_on_each_of_three_nodes_is_made_once(string mode)
    {
        await using var farm = await Farm.StartAsync(mode, new FarmSettings { Options = FarmSettings.Patient });
        var run = new HeldRun("made");
        var answers = farm.Nodes.Select(node => node.Ask("cold", run.Generate)).ToList();
        await run.BegunAsync();
        answers.ForEach(each => each.AssertNoneYet());
        run.End();

        await Answers.AllAreAsync("made", answers);
        farm.AssertRuns(1);
    }
}
