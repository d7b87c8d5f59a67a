using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>What a missing value asks the store for: a claim at once, or a read.</summary>
public sealed class MissTests
{
    [Fact]
    public void A_cold_key_costs_a_claim_and_a_commit()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Granted(10));
        agent.Tell(Peer.Generators, Made(agent));
        agent.Answer(agent.Unanswered.Single(), new ChangeAnswer { Epoch = "1", Accepted = true, Token = 10, DueIn = TimeSpan.FromSeconds(1) });

        Assert.Equal([typeof(ClaimRequest), typeof(CommitRequest)], agent.All<StoreCall>().Select(call => call.Request?.GetType()));
        Assert.True(agent.State("k0").InMemory);
    }

    [Fact]
    public void A_value_that_the_store_has_comes_with_the_claims_answer_and_the_key_goes_on_being_regenerated()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.StillFresh(10, dueIn: null));

        Assert.Equal(AnswerKind.Value, agent.All<Answered>().Single().Kind);
        Assert.Empty(agent.Unanswered);
        Assert.NotNull(agent.State("k0").Source);
    }

    [Fact]
    public void A_caller_without_a_generator_reads()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Peek);

        Assert.IsType<ReadRequest>(agent.Unanswered.Single().Request);
    }

    [Fact]
    public void A_store_that_refuses_claims_is_read_before_a_value_is_made_here()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), null, StoreFault.Refused);
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest), AgentDriver.Has(10));
        Assert.Equal(AnswerKind.Value, agent.All<Answered>().Single().Kind);
        Assert.Empty(agent.All<RunGenerator>());

        agent.Ask(WaiterKind.Get, "other");
        agent.Answer(agent.Unanswered.Single(), null, StoreFault.Refused);
        agent.Answer(agent.Unanswered.Single(), new ReadAnswer { Epoch = "1" });
        agent.Answer(agent.Unanswered.Single(), null, StoreFault.Refused);
        Assert.Single(agent.All<RunGenerator>());
    }

    [Fact]
    public void A_value_that_the_store_has_waits_for_no_place()
    {
        var agent = new AgentDriver(maximumForeground: 1);
        agent.Ask(WaiterKind.Get, "slow");
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Granted(10));

        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Has(9));

        Assert.Equal(AnswerKind.Value, agent.All<Answered>().Single().Kind);
    }

    [Fact]
    public void A_claim_that_was_granted_late_and_nobody_wants_is_given_back_also_while_the_store_counts_as_down()
    {
        var agent = new AgentDriver();

        // The node knows the store's epoch: in that the claim was granted.
        agent.Show("shown", 5, freshFor: 1000, dueIn: null);
        var caller = agent.Ask(WaiterKind.Get);
        var claim = agent.Unanswered.OfType<ClaimCall>().Single();
        agent.Answer(claim, null, StoreFault.TimedOut);
        agent.Advance(0.01);
        agent.Tell(Peer.Store, new LateGrant(claim, AgentDriver.Granted(10)));
        agent.Tell(Peer.Callers, new CallerLeft(caller));

        // Others find the store down, and so does the probe.
        agent.Store = call => call == claim ? null : new StoreReplied(call, null, StoreFault.Failed);
        for (var i = 0; i < 6; i++)
            agent.Ask(WaiterKind.Peek, $"other{i}");
        Assert.True(agent.All<StoreHealthChanged>().Last().IsDown);
        agent.Answer(claim, null, StoreFault.TimedOut);

        Assert.Equal(10, agent.Asked<ReleaseRequest>()[0].Token);
    }

    private static GeneratorFinished Made(AgentDriver agent) =>
        new(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(10), null);
}
