using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class ColdKeySpec : CacheSpec
{
    public ColdKeySpec()
        : this(new ThreeNodes())
    {
    }

    private ColdKeySpec(ThreeNodes nodes)
        : base(nodes, typeof(ColdKeySpec))
    {
    }

    [MultiNodeFact]
    public void A_cold_key_asked_for_by_callers_of_three_processes_is_made_once()
    {
        Start();
        var mayEnd = new TaskCompletionSource();
        var answers = Ask("cold", async _ =>
        {
            await mayEnd.Task;
            return "made";
        });
        EnterBarrier("asked");
        mayEnd.SetResult();

        AllAre("made", answers);
        Assert.Equal(1, RunsOfAll("at the end"));
        EnterBarrier("end");
    }
}
