using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class CoordinatorCutOffSpec : CacheSpec
{
    public CoordinatorCutOffSpec()
        : this(new ThreeNodes())
    {
    }

    private CoordinatorCutOffSpec(ThreeNodes nodes)
        : base(nodes, typeof(CoordinatorCutOffSpec))
    {
    }

    [MultiNodeFact]
    public void While_the_node_of_a_keys_coordinator_is_cut_off_both_sides_get_values_and_after_the_healing_they_agree()
    {
        Start();
        var key = KeyAt(Nodes.Third);
        Tell("warm", "warm", Nodes.First);
        CutOff(Nodes.Third);
        EnterBarrier("cut off");

        var warm = Cache.GetOrCreateAsync("warm", _ => new ValueTask<string>("made again"));
        Assert.True(warm.IsCompletedSuccessfully);
        Assert.Equal("warm", Wait(warm));
        AllAre("made by " + Myself.Name, Ask(key, _ => Task.FromResult("made by " + Myself.Name)));
        EnterBarrier("everybody is answered");

        Heal(Nodes.Third);
        EnterBarrier("healed");
        Tell(key, "set after the healing", Nodes.Second);
        Shows(key, "set after the healing");
        EnterBarrier("all show it");
        Tell("other", "from the one that was cut off", Nodes.Third);
        EnterBarrier("end");
    }
}
