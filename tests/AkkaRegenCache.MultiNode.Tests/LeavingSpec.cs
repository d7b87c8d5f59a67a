using Akka.Actor;
using Akka.Cluster;
using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class LeavingSpec : CacheSpec
{
    public LeavingSpec()
        : this(new ThreeNodes())
    {
    }

    private LeavingSpec(ThreeNodes nodes)
        : base(nodes, typeof(LeavingSpec))
    {
    }

    [MultiNodeFact]
    public void A_node_that_leaves_ends_its_run_and_hands_its_records_over()
    {
        Start();
        var kept = KeyAt(Nodes.Third);
        var key = KeyAt(Nodes.First);
        RunOn(() => AllAre("kept", Ask(kept, _ => Task.FromResult("kept"), callers: 1)), Nodes.Third);
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
                    return "made by the one that left";
                });
                Wait(begun.Task);
            },
            Nodes.Third);
        EnterBarrier("it generates");
        RunOn(() => answers = Ask(key, _ => Task.FromResult("made again")), Nodes.First, Nodes.Second);
        EnterBarrier("the others wait");

        RunOn(
            () =>
            {
                var leaving = CoordinatedShutdown.Get(Sys).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
                mayEnd.SetResult();
                Wait(leaving);
            },
            Nodes.Third);
        AllAre("made by the one that left", answers);
        EnterBarrier("it has left");

        RunOn(
            () =>
            {
                AwaitAssert(() => Assert.Equal(2, Cluster.State.Members.Count(member => member.Status == MemberStatus.Up)), TimeSpan.FromSeconds(20));
                AllAre("kept", Ask(kept, _ => Task.FromResult("lost")));
                Assert.Equal(0, Runs);
            },
            Nodes.First, Nodes.Second);
        EnterBarrier("end");
    }
}
