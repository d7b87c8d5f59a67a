using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>
/// Rare meetings that the simulator found once in a hundred thousand seeds, played step by step. What becomes of a farm with the agent, the simulator
/// shows.
/// </summary>
public sealed class NodeAgentTests
{
    [Fact]
    public void A_value_that_ends_soon_is_looked_for_in_the_store_where_each_claim_meets_another_holder()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        var held = 20L;
        agent.Store = call => call.Request switch
        {
            ClaimRequest => new StoreReplied(call, AgentDriver.Held(held += 10)),
            ReadRequest => new StoreReplied(call, AgentDriver.Has(held - 5)),
            _ => null,
        };

        agent.Advance(30);

        Assert.Empty(agent.All<Drop>());
        Assert.True(agent.State("k0").Token > 10);
    }

    [Fact]
    public void A_value_that_ends_soon_is_looked_for_in_the_store_beside_a_refresh_that_waits_for_others()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Store = call => call.Request switch
        {
            ClaimRequest => new StoreReplied(call, AgentDriver.Held(20, remaining: 60)),
            ReadRequest => new StoreReplied(call, AgentDriver.Has(15)),
            _ => null,
        };
        agent.Ask(WaiterKind.Refresh);

        agent.Advance(8);

        Assert.Empty(agent.All<Drop>());
        Assert.Equal(15, agent.State("k0").Token);
        Assert.DoesNotContain(agent.All<Answered>(), answered => answered.Chain.Kind == WaiterKind.Refresh);
    }

    [Fact]
    public void A_value_made_without_the_store_does_not_give_way_to_the_record_it_was_based_on_in_another_life()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10, dueIn: 5);
        MakeWithoutStore(agent, 99);
        agent.Store = call => call switch
        {
            { Request: ClaimRequest } => new StoreReplied(call, new ClaimAnswer { Epoch = "2", Outcome = ClaimOutcome.Fresh, Record = AgentDriver.Record(10, freshFor: 6, dueIn: 3) }),
            { Request: ReadRequest } => new StoreReplied(call, AgentDriver.Has(10, freshFor: 6, dueIn: 3, life: "2")),
            CheckCall { Keys: var keys } => new StoreReplied(call, new CheckAnswer { Epoch = "2", Checks = [.. keys.Select(_ => new TokenCheck(10, false))] }),
            _ => null,
        };

        agent.Advance(3);

        Assert.NotEmpty(agent.Asked<ClaimRequest>());
        Assert.Equal("value 99", agent.All<Adopt>().Last().Payload.Value);
    }

    [Fact]
    public void What_is_heard_with_its_value_is_shown_in_place_of_what_was_made_without_the_store_also_while_that_does_not_answer()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10, dueIn: 5);
        MakeWithoutStore(agent, 99);

        agent.Tell(Peer.Bus, AgentDriver.Fresh(20, sequence: 1));

        Assert.Equal((20, false), (agent.State("k0").Token, agent.State("k0").Uncommitted));
        Assert.Equal("value 20", agent.All<Adopt>().Last().Payload.Value);
    }

    private static void MakeWithoutStore(AgentDriver agent, long value)
    {
        agent.Store = call => new StoreReplied(call, null, StoreFault.Failed);
        agent.Ask(WaiterKind.Refresh);
        agent.Advance(0.5);
        var run = agent.All<RunGenerator>().Single();
        agent.Tell(Peer.Generators, new GeneratorFinished(run.RunId, RunOutcome.Made, AgentDriver.Value(value), null));
        Assert.True(agent.State("k0").Uncommitted);
    }

    [Fact]
    public void Entries_of_which_nothing_was_missed_are_compared_slowly_and_at_once_where_something_was()
    {
        var agent = new AgentDriver();
        const int Keys = 10_000;
        for (var i = 0; i < Keys; i++)
            agent.Show($"k{i}", i + 1, freshFor: 1000, dueIn: null);
        agent.Store = call => call is CheckCall { Keys: var keys }
            ? new StoreReplied(call, new CheckAnswer { Epoch = "1", Checks = [.. keys.Select(key => new TokenCheck(int.Parse(key[1..], System.Globalization.CultureInfo.InvariantCulture) + 1, false))] })
            : null;

        agent.Advance(60.5);
        var first = Compared();
        Assert.InRange(first, 1, Keys / 4);
        agent.Advance(1);
        Assert.InRange(Compared() - first, 1, 3000);

        // It goes on at once, from the beginning.
        Hear("late", 5);
        Assert.InRange(Compared(), Keys + 1, 2 * Keys);
        var compared = Compared();
        agent.Advance(3);
        Assert.Equal(compared, Compared());

        int Compared() => agent.All<CheckCall>().Sum(call => call is ProbeCall ? 0 : call.Keys.Count);

        void Hear(string publisher, long sequence) =>
            agent.Tell(Peer.Bus, new CacheNotification { Publisher = publisher, Sequence = sequence, Kind = NotificationKind.Heartbeat, Epoch = "1" });
    }

    [Fact]
    public void Keys_of_a_server_that_is_down_do_not_make_the_others_count_as_down()
    {
        var agent = new AgentDriver { Store = Answers };

        // The first key that the node knows is one of them.
        agent.Ask(WaiterKind.Peek, "dead");
        agent.Ask(WaiterKind.Get, "live");
        for (var i = 0; i < 20; i++)
        {
            agent.Ask(WaiterKind.Get, $"dead{i}");
            if (i % 5 == 4)
                agent.Ask(WaiterKind.Get, $"live{i}");
            agent.Advance(0.3);
        }

        Assert.DoesNotContain(agent.All<StoreHealthChanged>(), health => health.IsDown);
        Assert.True(agent.State("live19").InMemory);

        // All are down; then others come back than those that were there last.
        agent.Store = call => new StoreReplied(call, null, StoreFault.Failed);
        for (var i = 0; i < 5; i++)
            agent.Ask(WaiterKind.Get, $"live{100 + i}");
        agent.Advance(2);
        Assert.True(agent.All<StoreHealthChanged>().Single().IsDown);
        agent.Store = call => AnswersBut(call, key => key.StartsWith("live", StringComparison.Ordinal));
        for (var i = 0; i < 40; i++)
        {
            agent.Ask(WaiterKind.Get, $"dead{30 + i}");
            agent.Advance(0.25);
        }

        Assert.False(agent.All<StoreHealthChanged>().Last().IsDown);

        StoreReplied Answers(StoreCall call) => AnswersBut(call, key => key.StartsWith("dead", StringComparison.Ordinal));

        static StoreReplied AnswersBut(StoreCall call, Func<string, bool> isDead) =>
            isDead(call.Request?.Key ?? (call as CheckCall)?.Keys[0] ?? "") ? new StoreReplied(call, null, StoreFault.Failed)
            : call.Request is ReadRequest ? new StoreReplied(call, AgentDriver.Has(10))
            : call.Request is ClaimRequest { Reason: ClaimReason.Miss } ? new StoreReplied(call, AgentDriver.StillFresh(10))
            : call is CheckCall { Keys: var keys } ? new StoreReplied(call, new CheckAnswer { Epoch = "1", Checks = [.. keys.Select(_ => new TokenCheck(10, false))] })
            : new StoreReplied(call, null, StoreFault.Failed);
    }

    [Fact]
    public void A_key_whose_server_does_not_answer_keeps_no_other_from_being_compared()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10, freshFor: 1000, dueIn: null);
        agent.Show("k1", 11, freshFor: 1000, dueIn: null);
        agent.Tell(Peer.Bus, new CacheNotification { Publisher = "other", Sequence = 5, Kind = NotificationKind.Heartbeat, Epoch = "1" });
        var check = (CheckCall)agent.Unanswered.Single(call => call is CheckCall { Keys.Count: 2 });
        agent.Answer(check, new CheckAnswer { Epoch = "1", Checks = [.. check.Keys.Select(key => key == "k0" ? TokenCheck.Unknown : new TokenCheck(20, false))] });
        agent.Advance(0.1);

        Assert.Equal((10, false), (agent.State("k0").Token, agent.State("k0").IsOutdated));
        Assert.Equal(20, agent.State("k1").NewestHeard);
        Assert.Single(agent.Asked<ReadRequest>("k1"));

        // And it is compared again soon.
        agent.Advance(7);
        Assert.Contains(agent.Unanswered, call => call is CheckCall check && check.Keys.Contains("k0"));
    }

    [Theory]
    [InlineData(NotificationKind.Heartbeat, 0, false)]
    [InlineData(NotificationKind.Heartbeat, 1, true)]
    [InlineData(NotificationKind.WaitProbe, 0, false)]
    [InlineData(NotificationKind.WaitProbe, 1, true)]
    [InlineData(NotificationKind.Removed, 1, false)]
    [InlineData(NotificationKind.Removed, 2, true)]
    public void A_node_that_starts_makes_the_others_compare_nothing(NotificationKind kind, long sequence, bool compares)
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10, freshFor: 1000, dueIn: null);

        agent.Tell(Peer.Bus, new CacheNotification { Publisher = "new", Sequence = sequence, Kind = kind, Epoch = "1", Key = "other", Token = 5 });

        Assert.Equal(compares, agent.Unanswered.Exists(call => call is CheckCall { Keys: ["k0"] }));
    }

    [Fact]
    public void A_claim_of_another_and_a_value_that_ends_soon_do_not_make_the_node_ask_without_pause()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Store = call => call.Request switch
        {
            ClaimRequest => new StoreReplied(call, AgentDriver.Held(20)),
            ReadRequest => new StoreReplied(call, AgentDriver.Has(10, 8 - (agent.Now / 1e7), 1 - (agent.Now / 1e7))),
            _ => null,
        };

        agent.Advance(7.9);

        Assert.InRange(agent.Asked<ClaimRequest>().Count, 3, 10);
    }

    [Fact]
    public void What_a_node_shows_has_a_next_time_also_when_a_fetch_fails_across_two_lives()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Advance(0.9);
        agent.Tell(Peer.Bus, AgentDriver.Fresh(11, 1, withValue: false));
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest), null, StoreFault.Refused);
        agent.Advance(0.4);
        var fetch = agent.Unanswered.Single(call => call.Request is ReadRequest);

        // Another key's answer tells of the new epoch; then nothing more is heard of the store but refusals.
        agent.Ask(WaiterKind.Peek, "other");
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest { Key: "other" }), new ReadAnswer { Epoch = "2" });
        agent.Store = call => new StoreReplied(call, null, StoreFault.Refused);
        agent.Answer(fetch, null, StoreFault.Refused);
        agent.Advance(7);

        Assert.NotEmpty(agent.All<RunGenerator>());
    }

    [Fact]
    public void A_refresh_asks_anew_when_the_store_begins_a_new_life()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Refresh);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Held(50));
        agent.Advance(3.2);
        var second = agent.Unanswered.Single(call => call.Request is ClaimRequest);
        Assert.Equal(50, ((ClaimRequest)second.Request!).ObservedToken);

        // In the other epoch, this one's record is newer than the claim that was observed, and older than the call.
        var fresh = new ClaimAnswer { Epoch = "2", Outcome = ClaimOutcome.Fresh, Record = AgentDriver.Record(60, 8, 1) };
        agent.Answer(second, fresh);

        Assert.Empty(agent.All<Answered>());
        Assert.Equal(0, agent.Asked<ClaimRequest>()[^1].ObservedToken);
    }

    [Fact]
    public void A_refresh_under_way_is_not_answered_with_what_another_life_of_the_store_has()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Refresh);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Granted(50));
        agent.Ask(WaiterKind.Peek, "other");
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest), new ReadAnswer { Epoch = "2" });

        // Newer by its number, and older than the call.
        agent.Show("k0", 60, life: "2");
        Assert.DoesNotContain(agent.All<Answered>(), answered => answered.Chain.Kind == WaiterKind.Refresh);

        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(1), null));
        Assert.Equal(AnswerKind.Value, agent.All<Answered>().Single(answered => answered.Chain.Kind == WaiterKind.Refresh).Kind);
    }

    [Theory]
    [InlineData(0.1, "other")]
    [InlineData(0.4, null)]
    public void What_a_dead_node_has_said_before_does_not_take_back_that_it_is_dead(double heardAfter, string? isTakenOverFrom)
    {
        var agent = new AgentDriver();
        agent.Tell(Peer.Bus, Heartbeat(1));
        agent.Tell(Peer.Coordinator, new NodeDown("other"));
        agent.Advance(heardAfter);
        agent.Tell(Peer.Bus, Heartbeat(2));
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Held(10));

        agent.Advance(3.2);

        Assert.Equal(isTakenOverFrom, agent.Asked<ClaimRequest>()[1].StealFrom);
    }

    [Fact]
    public void A_part_that_begins_anew_is_told_that_a_key_is_due_whose_regeneration_is_under_way()
    {
        var agent = new AgentDriver(parts: 2);
        agent.Show("k0", 10);
        agent.Advance(3);
        Assert.Single(agent.Asked<ClaimRequest>(), claim => claim.Reason == ClaimReason.Due);

        agent.Ask(WaiterKind.Peek, "other0");
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest { Key: "other0" }), new ReadAnswer { Epoch = "2" });

        var kept = Assert.Single(agent.All<CoordinatorCall>().Select(call => call.Message).OfType<RecordsRecovered>().Single().Records);
        Assert.Equal(TimeSpan.Zero, kept.DueIn);
        Assert.Equal(TimeSpan.FromSeconds(1), kept.Interval);
    }

    [Fact]
    public void A_part_that_begins_anew_is_not_given_a_schedule_for_what_was_set_without_one()
    {
        var agent = new AgentDriver(parts: 2);
        agent.Show("k0", 10, dueIn: null);

        agent.Ask(WaiterKind.Peek, "other0");
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest { Key: "other0" }), new ReadAnswer { Epoch = "2" });

        Assert.Null(Assert.Single(agent.All<CoordinatorCall>().Select(call => call.Message).OfType<RecordsRecovered>().Single().Records).DueIn);
    }

    [Fact]
    public void A_newcomer_compares_again_when_others_have_had_time_to_give_a_part_back_what_they_have()
    {
        var agent = MadeWithoutStore(parts: 2);
        agent.Advance(1.5);
        agent.Answer(agent.Unanswered.First(call => call.Request is ClaimRequest), new ClaimAnswer { Epoch = "1", Outcome = ClaimOutcome.Fresh });
        agent.Store = call => call is CheckCall { Keys: var keys } ? new StoreReplied(call, new CheckAnswer { Epoch = "1", Checks = [.. keys.Select(_ => default(TokenCheck))] }) : null;
        var before = agent.All<CheckCall>().Count();

        agent.Advance(4);

        Assert.True(agent.All<CheckCall>().Count() > before);
    }

    [Fact]
    public void A_heartbeat_tells_no_number_of_a_commit_that_is_not_answered()
    {
        var agent = new AgentDriver(announces: true) { Store = call => call.Request is ReadRequest ? new StoreReplied(call, new ReadAnswer { Epoch = "1" }) : null };
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(call => call.Request is ClaimRequest), AgentDriver.Granted(10));
        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(10), null));
        var commit = agent.Unanswered.Single(call => call.Request is CommitRequest);
        var number = ((CommitRequest)commit.Request!).Announcement!.Sequence;

        agent.Advance(2);
        Assert.Equal(number - 1, Heartbeats(agent)[^1].Sequence);
        agent.Answer(commit, new ChangeAnswer { Epoch = "1", Accepted = true, Token = 10, DueIn = TimeSpan.FromSeconds(1) });
        agent.Advance(1);
        Assert.Equal(number, Heartbeats(agent)[^1].Sequence);
    }

    [Fact]
    public void A_commit_that_took_long_leaves_a_number_out_when_later_ones_were_told()
    {
        var agent = new AgentDriver(announces: true) { Store = call => call.Request is ReadRequest ? new StoreReplied(call, new ReadAnswer { Epoch = "1" }) : null };
        foreach (var (key, token) in new[] { ("k0", 10L), ("k1", 11L) })
        {
            agent.Ask(WaiterKind.Get, key);
            agent.Answer(agent.Unanswered.Single(call => call.Request is ClaimRequest), AgentDriver.Granted(token));
            agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Last().RunId, RunOutcome.Made, AgentDriver.Value(token), null));
        }

        var commits = agent.Unanswered.Where(call => call.Request is CommitRequest).ToArray();
        var last = ((CommitRequest)commits[1].Request!).Announcement!.Sequence;
        foreach (var (commit, token) in commits.Reverse().Zip([11L, 10L]))
        {
            agent.Answer(commit, new ChangeAnswer { Epoch = "1", Accepted = true, Token = token, DueIn = TimeSpan.FromSeconds(100) });
            agent.Advance(0.3);
        }

        agent.Advance(3);
        Assert.Equal(last + 1, Heartbeats(agent)[^1].Sequence);
    }

    [Fact]
    public void A_notification_out_of_turn_is_not_shown_before_the_store_was_asked()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Tell(Peer.Bus, AgentDriver.Fresh(11, 5));
        Assert.Equal(11, agent.State("k0").Token);

        // What was told between the two may be a removal, and was looked for when 4 was shown.
        agent.Tell(Peer.Bus, AgentDriver.Fresh(12, 4));

        Assert.Equal(11, agent.State("k0").Token);
        Assert.Single(agent.Unanswered, call => call.Request is ReadRequest);
    }

    [Fact]
    public void Who_waits_is_answered_by_a_notification_out_of_turn_and_memory_by_the_store()
    {
        var agent = new AgentDriver();
        agent.Tell(Peer.Bus, AgentDriver.Fresh(9, 5) with { Key = "other" });
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(), AgentDriver.Held(12));

        agent.Tell(Peer.Bus, AgentDriver.Fresh(12, 4));
        Assert.Single(agent.All<Answered>());
        Assert.False(agent.State("k0").InMemory);
        agent.Answer(agent.Unanswered.Single(call => call.Request is ReadRequest), AgentDriver.Has(12));

        Assert.True(agent.State("k0").InMemory);
    }

    [Fact]
    public void What_ran_out_is_made_without_the_store_as_long_as_somebody_here_reads_it()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Advance(3.9);
        var first = agent.Unanswered.Single(call => call.Request is ClaimRequest);

        // The claim's answer comes when the value has ended.
        agent.Advance(4.5);
        Assert.Single(agent.All<Drop>());
        agent.Answer(first, null, StoreFault.Refused);
        Assert.Single(agent.All<RunGenerator>());

        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(1), null));
        Assert.True(agent.State("k0").InMemory);
    }

    [Fact]
    public void What_ran_out_is_shown_when_another_node_has_made_it_as_long_as_somebody_here_reads_it()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Advance(8.5);
        Assert.Single(agent.All<Drop>());

        agent.Store = call => call.Request is ReadRequest ? new StoreReplied(call, AgentDriver.Has(11)) : null;
        agent.Tell(Peer.Bus, AgentDriver.Fresh(11, 1));

        Assert.True(agent.State("k0").InMemory);
    }

    [Fact]
    public void A_value_that_the_store_did_not_take_lives_from_when_it_was_made()
    {
        var agent = new AgentDriver { Store = call => call.Request is ReadRequest ? new StoreReplied(call, new ReadAnswer { Epoch = "1" }) : null };
        agent.Ask(WaiterKind.Get);
        agent.Answer(agent.Unanswered.Single(call => call.Request is ClaimRequest), AgentDriver.Granted(10));
        agent.Store = call => new StoreReplied(call, null, StoreFault.Refused);
        var madeAt = agent.Now;
        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(10), null));
        agent.Advance(4);

        Assert.True(agent.State("k0").Uncommitted);
        Assert.Equal(madeAt + AgentDriver.Profile.Lifetime, agent.State("k0").EndsAt);
    }

    [Fact]
    public void What_was_made_without_the_store_stays_until_the_next_where_the_store_has_only_what_is_about_to_end()
    {
        var agent = MadeWithoutStore();
        agent.Store = call => call.Request is ReadRequest ? new StoreReplied(call, AgentDriver.Has(9, freshFor: 0.2, dueIn: -6, life: "2")) : null;
        agent.Tell(Peer.Bus, AgentDriver.Fresh(9, 2, withValue: false, life: "2"));
        agent.Answer(agent.Unanswered.OfType<CheckCall>().First(), new CheckAnswer { Epoch = "2", Checks = [new TokenCheck(9, false)] });

        agent.Advance(1);

        Assert.Empty(agent.All<Drop>());
        Assert.Contains(agent.Unanswered, call => call.Request is ClaimRequest { Reason: ClaimReason.Due });
    }

    [Fact]
    public void A_fetch_that_fails_goes_on_to_a_claim_where_what_is_shown_ends_soon()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        agent.Store = call => call.Request switch
        {
            ReadRequest => new StoreReplied(call, null, StoreFault.Refused),
            ClaimRequest => new StoreReplied(call, new ClaimAnswer { Epoch = "1", Outcome = ClaimOutcome.Fresh, Record = AgentDriver.Record(11, 8, 100) }),
            _ => null,
        };
        agent.Tell(Peer.Bus, AgentDriver.Fresh(11, 1, withValue: false));

        agent.Advance(7.5);

        Assert.Empty(agent.All<Drop>());
        Assert.Equal(11, agent.State("k0").Token);
    }

    [Fact]
    public void When_the_generator_fails_what_was_made_without_the_store_is_compared_with_what_the_store_has()
    {
        var agent = MadeWithoutStore();
        agent.Store = call => call.Request switch
        {
            ClaimRequest => new StoreReplied(call, AgentDriver.Granted(20)),
            ReadRequest => new StoreReplied(call, AgentDriver.Has(15)),
            _ => null,
        };
        agent.Advance(2);
        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Last().RunId, RunOutcome.Failed, null, new GenerationFailure("T", "it fails")));

        Assert.Equal(15, agent.State("k0").Token);
        Assert.False(agent.State("k0").Uncommitted);
    }

    [Fact]
    public void A_caller_that_left_before_it_was_heard_begins_nothing()
    {
        var agent = new AgentDriver();
        var caller = AgentDriver.NewCaller(WaiterKind.Get);
        agent.Tell(Peer.Callers, new CallerLeft(caller));
        agent.Tell(Peer.Callers, caller);

        Assert.DoesNotContain(agent.All<StoreCall>(), call => call.Request is not null);
    }

    [Fact]
    public void A_caller_that_asks_again_has_no_more_time_than_before()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        var caller = agent.Ask(WaiterKind.Get, hardTimeout: 3);
        agent.Sent.Clear();
        agent.Advance(2);
        caller.AskForNewer(10);
        agent.Tell(Peer.Callers, caller);
        Assert.Empty(agent.All<Answered>());

        agent.Advance(1);
        Assert.Equal(AnswerKind.TimedOut, Assert.Single(agent.All<Answered>()).Kind);
    }

    [Fact]
    public void A_caller_that_looks_into_the_store_beside_a_refresh_has_its_time_watched()
    {
        var agent = new AgentDriver();
        agent.Ask(WaiterKind.Refresh);
        agent.Ask(WaiterKind.Get, hardTimeout: 0.5);
        agent.Ask(WaiterKind.Peek, hardTimeout: 0.5);

        agent.Advance(0.5);
        Assert.Equal([AnswerKind.TimedOut, AnswerKind.TimedOut], agent.All<Answered>().Select(answered => answered.Kind));
    }

    [Fact]
    public void What_a_caller_cannot_read_is_made_anew_and_not_where_there_is_something_newer_by_then()
    {
        var agent = new AgentDriver();
        agent.Show("k0", 10);
        var caller = agent.Ask(WaiterKind.Get);
        caller.AskForNewer(10);
        agent.Tell(Peer.Callers, caller);
        var claim = agent.Asked<ClaimRequest>()[^1];
        Assert.Equal((ClaimReason.Refresh, 10), (claim.Reason, claim.ObservedToken));

        var other = AgentDriver.NewCaller(WaiterKind.Get);
        other.AskForNewer(9);
        agent.Sent.Clear();
        agent.Tell(Peer.Callers, other);
        Assert.Equal(AnswerKind.InMemory, Assert.Single(agent.All<Answered>()).Kind);
    }

    private static AgentDriver MadeWithoutStore(int parts = 1)
    {
        var agent = new AgentDriver(parts) { Store = call => new StoreReplied(call, null, StoreFault.Refused) };
        agent.Ask(WaiterKind.Get);
        agent.Tell(Peer.Generators, new GeneratorFinished(agent.All<RunGenerator>().Single().RunId, RunOutcome.Made, AgentDriver.Value(1), null));
        Assert.True(agent.State("k0").Uncommitted);
        agent.ReadHit();
        agent.Store = static _ => null;
        return agent;
    }

    private static CacheNotification Heartbeat(long number) => new() { Publisher = "other", Sequence = number, Kind = NotificationKind.Heartbeat, Epoch = "1" };

    private static CacheNotification[] Heartbeats(AgentDriver agent) =>
        [.. agent.All<CacheNotification>().Where(notification => notification.Kind == NotificationKind.Heartbeat)];
}
