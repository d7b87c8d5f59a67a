using AkkaRegenCache.MultiNode.Tests.Rig;
using AkkaRegenCache.Protocol;
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

    [Theory]
    [BothModes]
    public async Task What_a_node_that_is_cut_off_said_before_and_comes_late_makes_it_live_again_for_a_moment_only(string mode)
    {
        await using var farm = await Farm.StartAsync(mode);
        var lost = farm.Third.Cache.NodeId;
        await farm.Third.Cache.SetAsync("heard", "everywhere");
        await farm.AllShowAsync("heard", "everywhere");
        var agents = farm.Others(farm.Third).ToDictionary(node => node, node => node.Place.Peers.Single(peer => peer.Key == lost).Value);
        await farm.CutOffAsync(farm.Third);

        foreach (var (node, agent) in agents)
        {
            var suspicions = 0;
            using var spy = node.Place.Attach("spy", message => suspicions += message is NodeDown down && down.Node == lost ? 1 : 0);
            await Eventually.PassesAsync($"{node.Name} takes it for dead", () => Assert.DoesNotContain(node.Place.Peers, peer => peer.Key == lost));
            foreach (var time in (int[])[1, 2])
            {
                var before = Volatile.Read(ref suspicions);
                node.Place.See(lost, agent);
                await Eventually.PassesAsync($"{node.Name} takes it for dead again, {time}", () => Assert.True(Volatile.Read(ref suspicions) > before));
            }
        }

        await farm.HealAsync();
        await farm.SetsReachAllAsync("healed");
        foreach (var node in agents.Keys)
            await Eventually.PassesAsync($"{node.Name} knows that it lives", () => Assert.Contains(node.Place.Peers, peer => peer.Key == lost));
    }
}
