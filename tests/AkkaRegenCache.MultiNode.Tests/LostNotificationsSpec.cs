using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class LostNotificationsSpec
{
    [Theory]
    [BothModes]
    public async Task When_every_notification_is_lost_a_cold_key_is_made_once_and_everybody_is_answered(string mode)
    {
        // A node that isn't told of the end waits for that of the lease.
        var options = FarmSettings.Patient;
        options.ClaimLease = TimeSpan.FromSeconds(5);
        await using var farm = await Farm.StartAsync(mode, new FarmSettings { IsDeaf = true, Options = options });
        var run = new HeldRun("made");
        var answers = farm.Nodes.Select(node => node.Ask("cold", run.Generate)).ToList();
        await run.BegunAsync();
        answers.ForEach(each => each.AssertNoneYet());
        run.End();

        await Answers.AllAreAsync("made", answers);
        farm.AssertRuns(1);
    }
}
