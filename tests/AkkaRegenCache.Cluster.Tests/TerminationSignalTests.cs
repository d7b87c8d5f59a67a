using Akka;
using Akka.Actor;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>What SIGTERM does in a program without a Generic Host.</summary>
public sealed class TerminationSignalTests
{
    private const string Quiet = "akka { loglevel = OFF, stdout-loglevel = OFF, coordinated-shutdown { run-by-clr-shutdown-hook = off } }\n";

    private static readonly TimeSpan s_ownEnd = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData("akka.coordinated-shutdown { terminate-actor-system = off, run-by-actor-system-terminate = off }", false)]
    [InlineData("akka.coordinated-shutdown.phases.before-service-unbind.recover = off", true)]
    public async Task The_process_ends_also_where_the_shutdown_fails_or_lets_the_system_live(string settings, bool fails)
    {
        var system = ActorSystem.Create("plain", Quiet + settings);
        if (fails)
        {
            CoordinatedShutdown.Get(system).AddTask(
                CoordinatedShutdown.PhaseBeforeServiceUnbind, "fails", () => Task.FromException<Done>(new InvalidOperationException("planted")));
        }

        var code = 0;
        await TerminationSignal.LeaveAsync([system], s_ownEnd, exit => code = exit).WaitAsync(Eventually.Patience);

        Assert.Equal(143, code);
    }

    [Fact]
    public async Task The_process_ends_when_the_last_of_its_actor_systems_has_left()
    {
        var (quick, slow) = (ActorSystem.Create("quick", Quiet), ActorSystem.Create("slow", Quiet));
        var mayEnd = new TaskCompletionSource<Done>();
        CoordinatedShutdown.Get(slow).AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "drains", () => mayEnd.Task);
        var codes = new List<int>();

        var leaving = TerminationSignal.LeaveAsync([quick, slow], s_ownEnd, codes.Add);
        await quick.WhenTerminated.WaitAsync(Eventually.Patience);

        // Much longer than the program's own end is given: had it not waited for the other one, it would have ended by now.
        await Task.WhenAny(leaving, Task.Delay(20 * s_ownEnd));
        Assert.False(leaving.IsCompleted);
        Assert.Empty(codes);
        mayEnd.SetResult(Done.Instance);
        await leaving.WaitAsync(Eventually.Patience);

        await slow.WhenTerminated.WaitAsync(Eventually.Patience);
        Assert.Equal([143], codes);
    }
}
