using Akka.MultiNode.TestAdapter;
using AkkaRegenCache.MultiNode.Tests.Rig;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests;

public sealed class LostNotificationsSpec : CacheSpec
{
    public LostNotificationsSpec()
        : this(new ThreeNodes())
    {
    }

    private LostNotificationsSpec(ThreeNodes nodes)
        : base(nodes, typeof(LostNotificationsSpec))
    {
    }

    [MultiNodeFact]
    public void When_every_notification_is_lost_a_cold_key_is_made_once_and_everybody_is_answered()
    {
        Start(isDeaf: true);
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
