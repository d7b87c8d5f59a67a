using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>What a coordinator answers to what it is told, step by step. What becomes of a farm with it, the simulator shows.</summary>
public sealed class CoordinatorShardTests
{
    private static readonly long s_second = TimeSpan.TicksPerSecond;

    private readonly CoordinatorShard _shard = new(new CoordinatorSettings { Shard = 7, Incarnation = 100 }, new Random(1));
    private readonly CoordinatorOutbox _outbox = new();
    private long _now;

    [Fact]
    public void The_first_thing_a_coordinator_does_is_to_ask_all_nodes()
    {
        var (node, resync) = Assert.Single(Tell(Tick.Instance));

        Assert.Null(node);
        Assert.Equal(new ResyncRequested { Shard = 7, Incarnation = 100 }, resync);
        Assert.Empty(Tell(Tick.Instance));
    }

    [Fact]
    public void Whoever_waits_for_a_claim_is_told_its_outcome_and_nobody_else_is()
    {
        Know("a", "b", "c");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));

        var told = Tell(Fresh("a", "k", 10));

        var (node, message) = Assert.Single(told);
        Assert.Equal("b", node);
        Assert.Equal(10, Assert.IsType<OutcomePushed>(message).Outcome.Token);
        Assert.Empty(Tell(Fresh("a", "k", 10)));
    }

    [Fact]
    public void Who_registers_after_the_outcome_is_told_once()
    {
        Know("a", "b");
        Tell(Held("a", "k", 10));
        Tell(Fresh("a", "k", 10));

        Assert.IsType<OutcomePushed>(Assert.Single(Tell(Awaited("b", "k", 10, "a"))).Message);
        Assert.Empty(Tell(Awaited("b", "k", 10, "a")));
    }

    [Fact]
    public void The_outcome_of_an_older_claim_does_not_end_the_wait_for_a_newer_one()
    {
        Know("a", "b", "c");
        Tell(Held("a", "k", 20));
        Tell(Awaited("b", "k", 20, "a"));

        Assert.Empty(Tell(Ended("c", "k", 10, NotificationKind.Failed)));
        Assert.Equal("b", Assert.Single(Tell(Ended("a", "k", 20, NotificationKind.Failed))).Node);
    }

    [Fact]
    public void A_holder_whose_claim_a_change_has_ended_is_told()
    {
        Know("a", "b");
        Tell(Held("a", "k", 10));

        var (node, message) = Assert.Single(Tell(Fresh("b", "k", 15)));

        Assert.Equal("a", node);
        Assert.Equal(15, Assert.IsType<OutcomePushed>(message).Outcome.Token);
    }

    [Fact]
    public void The_first_who_waits_takes_over_what_a_dead_node_held()
    {
        Know("a", "b", "c");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));
        Tell(Awaited("c", "k", 10, "a"));

        var (node, message) = Assert.Single(Tell(new NodeDown("a")));

        Assert.Equal("b", node);
        Assert.Equal(new ClaimOrphaned { Shard = 7, Incarnation = 100, Key = "k", Token = 10, Holder = "a" }, message);
    }

    [Fact]
    public void Who_does_not_take_over_in_time_is_followed_by_the_next()
    {
        Know("a", "b", "c");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));
        Tell(Awaited("c", "k", 10, "a"));
        Tell(new NodeDown("a"));

        Assert.Equal("c", Assert.Single(Pass(s_second / 4)).Node);
        Assert.Empty(Pass(s_second / 4));
    }

    [Fact]
    public void Whose_take_over_the_store_refused_is_not_asked_again_for_that_claim()
    {
        Know("a", "b");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));
        Tell(new NodeDown("a"));

        Assert.Empty(Tell(Awaited("b", "k", 10, "a")));
    }

    [Fact]
    public void Who_was_asked_for_an_older_claim_of_a_dead_node_has_not_been_refused_the_newer_one()
    {
        // b has not heard that 10 has failed.
        Know("a", "b", "c");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));
        Tell(Held("a", "k", 20));
        Tell(Awaited("c", "k", 20, "a"));
        Assert.Equal("b", Assert.Single(Tell(new NodeDown("a"))).Node);

        var orphaned = Assert.IsType<ClaimOrphaned>(Assert.Single(Tell(Awaited("b", "k", 20, "a"))).Message);

        Assert.Equal(20, orphaned.Token);
    }

    [Fact]
    public void Who_starts_to_wait_for_a_node_known_to_be_dead_takes_over_at_once()
    {
        Know("a", "b");
        Tell(new NodeDown("a"));

        Assert.IsType<ClaimOrphaned>(Assert.Single(Tell(Awaited("b", "k", 10, "a"))).Message);
    }

    [Fact]
    public void A_key_that_is_due_is_regenerated_by_the_node_that_made_its_last_value()
    {
        Know("a", "b");
        Tell(Offer("b", "k", 5));
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));

        var (node, message) = Assert.Single(Pass(s_second));

        Assert.Equal("a", node);
        Assert.Equal("k", Assert.IsType<RegenerationDue>(message).Key);
    }

    [Fact]
    public void A_node_that_declines_or_is_silent_is_followed_by_another_that_can()
    {
        Know("a", "b", "c");
        Tell(Offer("b", "k", 5));
        Tell(Offer("c", "k", 5));
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));
        Pass(s_second);

        var second = Assert.Single(Tell(new RegenerationDeclined { Node = "a", Key = "k" })).Node;
        var third = Assert.Single(Pass(s_second / 4)).Node;

        Assert.Equal(["b", "c"], new[] { second, third }.Order());
        Assert.Empty(Pass(s_second / 4));
    }

    [Fact]
    public void A_node_that_has_claimed_is_not_followed_by_another()
    {
        Know("a", "b");
        Tell(Offer("b", "k", 5));
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));
        Pass(s_second);
        Tell(Held("a", "k", 20));

        Assert.Empty(Pass(s_second));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_schedule_of_a_node_that_leaves_or_dies_goes_to_another_one(bool dies)
    {
        Know("a", "b");
        Tell(Offer("b", "k", 5));
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));
        Tell(dies ? new NodeDown("a") : new NodeLeaving { Node = "a" });

        Assert.Equal("b", Assert.Single(Pass(s_second)).Node);
    }

    [Fact]
    public void What_a_dying_node_regenerates_is_given_to_another_one_at_once()
    {
        Know("a", "b");
        Tell(Offer("b", "k", 5));
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));
        Pass(s_second);
        Tell(Held("a", "k", 20));

        var due = Assert.IsType<RegenerationDue>(Assert.Single(Tell(new NodeDown("a"))).Message);

        Assert.Equal("a", due.Orphan);
    }

    [Fact]
    public void A_key_that_is_inactive_or_over_is_asked_of_nobody()
    {
        Know("a");
        Tell(Fresh("a", "inactive", 10, dueIn: 5, activeFor: 2, offers: true));
        Tell(Fresh("a", "over", 10, dueIn: 5, offers: true));
        Tell(new RegenerationDeclined { Node = "a", Key = "over", IsOver = true });

        Assert.Empty(Pass(10 * s_second));
        Assert.Equal(0, _shard.KeyCount);
    }

    [Fact]
    public void A_time_that_the_store_has_said_is_the_one_that_counts()
    {
        Know("a");
        Tell(Fresh("a", "k", 10, dueIn: 1, offers: true));
        Pass(s_second);
        Tell(new RegenerationDeclined { Node = "a", Key = "k", DueIn = TimeSpan.FromSeconds(3) });

        Assert.Empty(Pass((3 * s_second) - 1));
        Assert.Single(Pass(s_second));
    }

    [Fact]
    public void A_survey_tells_a_new_incarnation_all_it_must_know()
    {
        Tell(Tick.Instance);
        Tell(new ResyncAnswered
        {
            Node = "a",
            Incarnation = 100,
            Held = [Held("a", "held", 10)],
            Offered = [new OfferedKey("due", 5, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), TimeSpan.Zero)],
        });
        Tell(new ResyncAnswered { Node = "b", Incarnation = 100, Awaited = [Awaited("b", "held", 10, "a")] });

        Assert.IsType<RegenerationDue>(Assert.Single(Pass(s_second)).Message);
        Assert.Equal("b", Assert.Single(Tell(new NodeDown("a")), m => m.Message is ClaimOrphaned).Node);
    }

    [Fact]
    public void An_incarnation_that_the_nodes_take_for_an_old_one_numbers_itself_anew()
    {
        Tell(Tick.Instance);

        var resync = Assert.Single(Tell(new ResyncAnswered { Node = "a", Incarnation = 500 }));

        Assert.Equal(new ResyncRequested { Shard = 7, Incarnation = 501 }, resync.Message);
        Assert.Empty(Tell(new ResyncAnswered { Node = "b", Incarnation = 600 }));
    }

    [Fact]
    public void A_node_believed_dead_that_speaks_is_asked_for_all_it_knows()
    {
        Know("a", "b");
        Tell(new NodeDown("a"));

        Assert.Contains(("a", (FromCoordinator)new ResyncRequested { Shard = 7, Incarnation = 100 }), Tell(Held("a", "k", 10)));
    }

    [Fact]
    public void More_nodes_than_a_bit_set_holds_still_wait_and_are_told()
    {
        for (var i = 0; i < 100; i++)
            Know($"n{i}");
        Tell(Held("n99", "k", 10));
        for (var i = 0; i < 99; i++)
            Tell(Awaited($"n{i}", "k", 10, "n99"));

        Assert.Equal(99, Tell(Fresh("n99", "k", 10)).Count);
    }

    [Fact]
    public void Nothing_is_remembered_of_what_is_over()
    {
        Know("a", "b");
        Tell(Held("a", "k", 10));
        Tell(Awaited("b", "k", 10, "a"));
        Tell(Fresh("a", "k", 10));
        Pass(3 * s_second);

        Assert.Equal(0, _shard.KeyCount);
        Assert.Equal(long.MaxValue, _shard.NextDeadline);
    }

    [Fact]
    public void A_clock_that_goes_back_is_refused()
    {
        _now = 10;
        Tell(Tick.Instance);
        _now = 9;

        Assert.Throws<InvalidOperationException>(() => Tell(Tick.Instance));
    }

    private static ClaimHeld Held(string node, string key, long token) => new() { Node = node, Key = key, Token = token, EndsIn = TimeSpan.FromMinutes(1) };

    private static ClaimAwaited Awaited(string node, string key, long token, string holder) => new() { Node = node, Key = key, Token = token, Holder = holder };

    private static KeysOffered Offer(string node, string key, long token) =>
        new() { Node = node, Keys = [new OfferedKey(key, token, null, TimeSpan.FromMinutes(1), TimeSpan.Zero)] };

    private static OutcomeKnown Fresh(string node, string key, long token, double? dueIn = null, double activeFor = 600, bool offers = false) => new()
    {
        Node = node,
        Offers = offers,
        Outcome = new CacheNotification
        {
            Publisher = node,
            Kind = NotificationKind.Fresh,
            Epoch = "1",
            Key = key,
            Token = token,
            DueIn = dueIn is { } due ? TimeSpan.FromSeconds(due) : null,
            ActiveFor = TimeSpan.FromSeconds(activeFor),
        },
    };

    private static OutcomeKnown Ended(string node, string key, long token, NotificationKind kind) => new()
    {
        Node = node,
        Outcome = new CacheNotification { Publisher = node, Kind = kind, Epoch = "1", Key = key, Token = token, Failure = new GenerationFailure("T", "m") },
    };

    private void Know(params string[] nodes)
    {
        Tell(Tick.Instance);
        foreach (var node in nodes)
            Tell(new ResyncAnswered { Node = node, Incarnation = 100 });
    }

    private List<(string? Node, FromCoordinator Message)> Pass(long time)
    {
        var until = _now + time;
        var said = new List<(string?, FromCoordinator)>();
        while (_shard.NextDeadline <= until)
        {
            _now = Math.Max(_now, _shard.NextDeadline);
            said.AddRange(Tell(Tick.Instance));
        }

        _now = until;
        return said;
    }

    private List<(string? Node, FromCoordinator Message)> Tell(object message)
    {
        _outbox.Clear();
        _shard.On(message, _now, _outbox);
        return [.. Enumerable.Range(0, _outbox.Count).Select(i => _outbox[i])];
    }
}
