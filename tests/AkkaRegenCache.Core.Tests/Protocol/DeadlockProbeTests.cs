using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>What one agent does with wait probes. What becomes of them in a farm, the scenarios of deadlocks show.</summary>
public sealed class DeadlockProbeTests
{
    private const string Key = "k0";

    [Fact]
    public void A_generator_that_waits_for_anothers_claim_sends_probes_soon_and_then_ever_less_often()
    {
        var agent = Waiting(out _);
        var sentAt = new List<double>();
        for (var tick = 0; tick < 600; tick++)
        {
            var before = Probes(agent).Count;
            agent.Advance(0.1);
            if (Probes(agent).Count > before)
                sentAt.Add(agent.Now / 1e7);
        }

        Assert.Equal([0.2, 0.4, 0.6, 1.0, 1.8, 3.4, 6.6, 13.0, 23.0, 33.0, 43.0, 53.0], sentAt.Select(at => Math.Round(at, 1)));
        Assert.All(Probes(agent), probe => Assert.Equal((Key, 20L, "me", Key), (probe.Key, probe.Token, probe.Probe!.Initiator, probe.Probe.Victim)));
        Assert.Equal(Enumerable.Range(1, sentAt.Count), Probes(agent).Select(probe => probe.Probe!.Round));
        Assert.Single(Probes(agent).Select(probe => probe.Probe!.Wait).Distinct());
    }

    [Fact]
    public void A_wait_for_another_claim_is_another_wait()
    {
        var held = 20L;
        var agent = Waiting(out _, () => held);
        agent.Advance(0.5);
        held = 30;
        agent.Advance(4);

        var waits = Probes(agent).GroupBy(probe => (probe.Token, probe.Probe!.Wait)).ToList();
        Assert.Equal([20, 30], waits.Select(wait => wait.Key.Token));
        Assert.NotEqual(waits[0].Key.Wait, waits[1].Key.Wait);
    }

    [Fact]
    public void A_call_that_has_left_and_one_that_is_no_generators_send_none()
    {
        var left = Waiting(out var caller);
        var other = left.Ask(WaiterKind.Get);
        left.Advance(0.1);
        left.Tell(Peer.Callers, new CallerLeft(caller));
        left.Advance(10);

        Assert.Equal(Key, other.Flight!.State.Key);
        Assert.Empty(Probes(left));
    }

    [Theory]
    [InlineData(10, 1)]
    [InlineData(9, 0)]
    [InlineData(11, 0)]
    public void A_probe_is_passed_to_the_run_of_the_very_claim_and_to_no_other(long token, int times)
    {
        var agent = Running();

        agent.Tell(Peer.Bus, Heard(token));
        agent.Tell(Peer.Bus, Heard(token));

        Assert.Equal(times, agent.All<RunProbed>().Count());
    }

    [Fact]
    public void A_probe_is_passed_on_once_in_each_round_and_tells_no_number_of_its_own()
    {
        var agent = Running();
        agent.Tell(Peer.Bus, Heard(10));
        agent.Tell(Peer.Bus, Heard(10, round: 2));
        agent.Tell(Peer.Bus, Heard(10, round: 1));
        Assert.Equal([1, 2], agent.All<RunProbed>().Select(probed => probed.Probe!.Round));

        // What the run waits for is another node's.
        var waiter = Nested(agent, "k1");
        agent.Tell(Peer.Generators, new WaitProbed(waiter, agent.All<RunProbed>().First().Probe!.Past(Key)));

        var passed = Assert.Single(Probes(agent));
        Assert.Equal(("k1", 20L, "other", "k1"), (passed.Key, passed.Token, passed.Probe!.Initiator, passed.Probe.Victim));
        Assert.Equal([Key], passed.Probe.Path);
        Assert.Equal(agent.All<CacheNotification>().Count(sent => sent.IsNumbered), passed.Sequence);
    }

    [Theory]
    [InlineData(Key, 1)]
    [InlineData("zz", 2)]
    public void A_wait_whose_probe_comes_back_fails_at_once_where_its_key_is_the_greatest_and_else_the_next_time(string victim, int round)
    {
        var agent = Waiting(out var caller);
        agent.Advance(0.3);
        ComesBack(1);
        ComesBack(1);
        Assert.Equal(round == 1, agent.All<DeadlockFound>().Any());
        agent.Advance(0.2);
        ComesBack(2);

        var found = agent.All<DeadlockFound>().First();
        Assert.Same(caller, found.Waiter);
        Assert.Equal([Key, "k1"], found.Path);

        // Of another round's wait nothing is found.
        var before = agent.All<DeadlockFound>().Count();
        agent.Tell(Peer.Generators, new WaitProbed(caller, Probes(agent)[0].Probe! with { Wait = 77, Victim = Key }));
        Assert.Equal(before, agent.All<DeadlockFound>().Count());

        void ComesBack(int number) =>
            agent.Tell(Peer.Generators, new WaitProbed(caller, Probes(agent)[number - 1].Probe! with { Victim = victim, Path = [Key, "k1"] }));
    }

    /// <summary>An agent with a call from within a generator that waits for another node's claim.</summary>
    private static AgentDriver Waiting(out Waiter caller, Func<long>? token = null)
    {
        var agent = new AgentDriver { Store = call => Answer(call, () => AgentDriver.Held(token?.Invoke() ?? 20)) };
        caller = Nested(agent, Key);
        return agent;
    }

    /// <summary>An agent that runs the key's generator under a claim; others' keys are other nodes'.</summary>
    private static AgentDriver Running()
    {
        var agent = new AgentDriver();
        agent.Store = call => Answer(call, () => call.Request!.Key == Key ? AgentDriver.Granted(10) : AgentDriver.Held(20));
        agent.Ask(WaiterKind.Get);
        Assert.Single(agent.All<RunGenerator>());
        return agent;
    }

    private static StoreReplied? Answer(StoreCall call, Func<ClaimAnswer> claim) => call.Request switch
    {
        ReadRequest => new StoreReplied(call, new ReadAnswer { Epoch = "1" }),
        ClaimRequest => new StoreReplied(call, claim()),
        _ => null,
    };

    private static Waiter Nested(AgentDriver agent, string key)
    {
        var caller = AgentDriver.NewCaller(WaiterKind.Get, key);
        caller.IsNested = true;
        agent.Tell(Peer.Callers, caller);
        return caller;
    }

    private static CacheNotification Heard(long token, int round = 1) => new()
    {
        Publisher = "other",
        Kind = NotificationKind.WaitProbe,
        Epoch = "1",
        Key = Key,
        Token = token,
        Probe = new WaitProbe { Initiator = "other", Wait = 5, Round = round, Victim = Key },
    };

    private static List<CacheNotification> Probes(AgentDriver agent) =>
        [.. agent.All<CacheNotification>().Where(sent => sent.Kind == NotificationKind.WaitProbe)];
}
