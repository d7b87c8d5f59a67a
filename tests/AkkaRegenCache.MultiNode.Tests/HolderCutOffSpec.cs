using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class HolderCutOffSpec : CacheSpec
{
    public HolderCutOffSpec()
        : this(new ThreeNodes())
    {
    }

    private HolderCutOffSpec(ThreeNodes nodes)
        : base(nodes, typeof(HolderCutOffSpec))
    {
    }

    [MultiNodeFact]
    public void When_the_generating_node_is_cut_off_another_takes_over_and_what_it_made_meanwhile_is_not_accepted()
    {
        Start();
        var key = KeyAt(Nodes.First);
        var begun = new TaskCompletionSource();
        var mayEnd = new TaskCompletionSource();
        IReadOnlyList<Task<string>> answers = [];
        RunOn(
            () =>
            {
                answers = Ask(key, async _ =>
                {
                    begun.TrySetResult();
                    await mayEnd.Task;
                    return "too late";
                });
                Wait(begun.Task);
            },
            Nodes.Third);
        EnterBarrier("it generates");
        RunOn(() => answers = Ask(key, _ => Task.FromResult("taken over")), Nodes.First, Nodes.Second);
        Assert.DoesNotContain(answers, answer => answer.IsCompleted);
        EnterBarrier("the others wait");
        CutOff(Nodes.Third);
        EnterBarrier("cut off");

        RunOn(() => AllAre("taken over", answers), Nodes.First, Nodes.Second);
        EnterBarrier("taken over");
        mayEnd.SetResult();
        Heal(Nodes.Third);
        EnterBarrier("healed");

        // Those who asked before may have either; what is shown from now on may not.
        RunOn(() => Assert.All(Wait(Task.WhenAll(answers)), answer => Assert.Contains(answer, (string[])["too late", "taken over"])), Nodes.Third);
        Shows(key, "taken over");
        EnterBarrier("all show it");
        Assert.Equal(2, RunsOfAll("at the end"));
        Shows(key, "taken over");
        EnterBarrier("end");
    }
}
