using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class CrashSpec : CacheSpec
{
    public CrashSpec()
        : this(new ThreeNodesThatDown())
    {
    }

    private CrashSpec(ThreeNodes nodes)
        : base(nodes, typeof(CrashSpec))
    {
    }

    [MultiNodeFact]
    public void When_the_process_of_a_generating_node_ends_another_takes_over_and_its_shards_come_back()
    {
        Start();
        var key = KeyAt(Nodes.First);
        var lost = KeyAt(Nodes.Third);
        var begun = new TaskCompletionSource();
        IReadOnlyList<Task<string>> answers = [];
        RunOn(
            () =>
            {
                Ask(key, async cancellationToken =>
                {
                    begun.TrySetResult();
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                    return "never";
                });
                Wait(begun.Task);
            },
            Nodes.Third);
        EnterBarrier("it generates");
        RunOn(() => answers = Ask(key, _ => Task.FromResult("taken over")), Nodes.First, Nodes.Second);
        EnterBarrier("the others wait");

        // Its process ends here.
        RunOn(() => Wait(Sys.WhenTerminated), Nodes.Third);
        RunOn(() => Wait(TestConductor.Exit(Nodes.Third, 0)), Nodes.First);
        RunOn(
            () =>
            {
                AllAre("taken over", answers);
                EnterBarrier("taken over");
                RunOn(() => AwaitAssert(() => Assert.False(Wait(Cache.SetAsync(lost, "set again")).IsPending), TimeSpan.FromSeconds(30)), Nodes.First);
                Shows(lost, "set again");
                EnterBarrier("end");
            },
            Nodes.First, Nodes.Second);
    }
}
