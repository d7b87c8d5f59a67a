using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

public abstract partial class ExternalStoreContract
{
    [SharedFact]
    public async Task A_commit_ends_its_claim()
    {
        var token = await Granted();
        Assert.True((await Commit(token)).Accepted);
        Assert.Equal(RenewOutcome.Lost, await Renew(token));
        Assert.False((await Commit(token, "again")).Accepted);
        await Granted("b", ClaimReason.Refresh);
        await AssertShows("value", token);
    }

    [SharedTheory]
    [InlineData("no claim")]
    [InlineData("lease ended")]
    [InlineData("another token")]
    [InlineData("written")]
    [InlineData("removed")]
    [InlineData("stolen")]
    [InlineData("released")]
    [InlineData("taken over")]
    public async Task A_commit_without_its_own_live_claim_is_rejected_and_changes_nothing(string how)
    {
        var before = (await Write("before", Fresh(60))).Token;
        var token = how == "no claim" ? before + 1 : await Granted("a", ClaimReason.Refresh, lease: 1);
        switch (how)
        {
            case "lease ended":
                await Advance(1.2);
                break;
            case "another token":
                token++;
                break;
            case "written":
                before = (await Write("before", Fresh(60))).Token;
                break;
            case "removed":
                before = (await Invalidate(60)).Token;
                break;
            case "stolen":
                await Granted("b", ClaimReason.Refresh, stealFrom: "a");
                break;
            case "released":
                await Release(token);
                break;
            case "taken over":
                await Advance(1.2);
                await Granted("b", ClaimReason.Refresh);
                break;
        }

        var answer = await Commit(token, "late");
        Assert.False(answer.Accepted);
        Assert.Equal(before, answer.Token);
        var record = await Read();
        Assert.Equal(before, record!.Token);
        Assert.Equal(how == "removed" ? null : "before", Text(record));
    }

    [SharedFact]
    public async Task A_set_always_wins_at_its_first_try_and_ends_the_claim()
    {
        var first = (await Write("first")).Token;
        var claim = await Granted("a", ClaimReason.Refresh);

        // What it knew is old; it wins all the same.
        var second = await Write("second", observed: first - 1);
        Assert.True(second.Accepted);
        Assert.True(second.Token > claim);
        Assert.Equal(RenewOutcome.Lost, await Renew(claim));
        await AssertShows("second", second.Token);
    }

    [SharedFact]
    public async Task A_retried_set_loses_to_anything_newer_than_it_knew()
    {
        var first = (await Write("first")).Token;
        var second = (await Write("second")).Token;

        var lost = await Write("late", observed: first, isRetry: true);
        Assert.False(lost.Accepted);
        Assert.Equal(second, lost.Token);
        await AssertShows("second", second);

        var removed = (await Invalidate()).Token;
        Assert.False((await Write("late", observed: second, isRetry: true)).Accepted);
        Assert.True((await Write("late", observed: removed, isRetry: true)).Accepted);
        Assert.True((await Write("new", isRetry: true, key: "another")).Accepted);
    }

    [SharedFact]
    public async Task A_commit_under_a_claim_of_another_life_is_superseded_also_where_the_token_is_the_same()
    {
        var claim = await Claim();
        if (ChecksEpochs)
            Assert.False((await Commit(claim.Token, "another epoch's", life: claim.Epoch + " before")).Accepted);
        Assert.True((await Commit(claim.Token, "this epoch's", life: claim.Epoch)).Accepted);
        await AssertShows("this epoch's", claim.Token);
    }

    [SharedFact]
    public async Task A_set_or_removal_that_has_waited_wins_over_what_was_there_when_it_was_asked_for_though_nobody_knew()
    {
        await Write("before");
        await Advance(3);
        var set = await Write("waited", isRetry: true, askedAgo: 1);
        Assert.True(set.Accepted);
        await AssertShows("waited", set.Token);

        await Advance(3);
        Assert.True((await Invalidate(isRetry: true, askedAgo: 1)).Accepted);
    }

    [SharedFact]
    public async Task A_removal_that_has_waited_spares_what_was_set_or_claimed_since()
    {
        await Advance(3);
        var set = (await Write("newer")).Token;
        var operation = Op();
        var removal = await Invalidate(isRetry: true, askedAgo: 2, operation: operation);
        Assert.False(removal.Accepted);
        Assert.Equal(set, removal.Token);

        // Its first try, should it still come, must not win after all.
        Assert.False((await Invalidate(operation: operation)).Accepted);
        await AssertShows("newer", set);

        // But not what its node knew, or had changed itself before it.
        Assert.False((await Invalidate(isRetry: true, askedAgo: 2, observed: set - 1)).Accepted);
        Assert.True((await Invalidate(isRetry: true, askedAgo: 2, observed: set)).Accepted);

        // A generation that began before it has an older token, whenever it is committed.
        var claim = await Granted("a", ClaimReason.Refresh);
        await Advance(2);
        await Commit(claim, "generated");
        Assert.True((await Invalidate(isRetry: true, askedAgo: 1)).Accepted);
    }

    [SharedFact]
    public async Task A_set_whose_repeat_has_lost_does_not_win_when_its_first_try_comes_late()
    {
        var operation = Op();
        var first = (await Write("first")).Token;
        var second = (await Write("second")).Token;
        Assert.False((await Write("late", observed: first, isRetry: true, operation: operation)).Accepted);

        var late = await Write("late", observed: first, operation: operation);

        Assert.False(late.Accepted);
        await AssertShows("second", second);
    }

    [SharedFact]
    public async Task A_claim_alone_is_nothing_newer_to_a_retried_set()
    {
        var first = (await Write("first")).Token;
        var claim = await Granted("a", ClaimReason.Refresh);
        var retried = await Write("second", observed: first, isRetry: true);
        Assert.True(retried.Accepted);
        Assert.True(retried.Token > claim);
    }

    [SharedFact]
    public async Task A_removal_leaves_a_tombstone_for_its_life()
    {
        var written = (await Write("value", Fresh(60))).Token;
        var removed = await Invalidate(tombstoneFor: 2);
        Assert.True(removed.Accepted);
        Assert.True(removed.Token > written);
        Assert.Null(removed.DueIn);

        await Advance(1.8);
        var record = await Read();
        Assert.True(record!.IsRemoved);
        Assert.Equal(removed.Token, record.Token);
        Assert.Equal(new TokenCheck(removed.Token, true), await CheckOne());

        await Advance(0.3);
        Assert.Null(await Read());
        Assert.Equal(default, await CheckOne());
    }

    [SharedFact]
    public async Task A_removal_leaves_a_tombstone_also_where_nothing_was()
    {
        var removed = await Invalidate();
        Assert.Equal(removed.Token, (await Read())!.Token);
    }

    [SharedFact]
    public async Task A_removal_ends_the_claim_and_the_schedule_and_the_key_can_be_made_again()
    {
        await Generate(schedule: Fresh(10, interval: 2, activeFor: 60));
        var claim = await Granted("a", ClaimReason.Refresh);
        var removed = await Invalidate(tombstoneFor: 10);
        Assert.Equal(RenewOutcome.Lost, await Renew(claim));

        await Advance(2.2);
        var due = await Claim("a", ClaimReason.Due, activeFor: 60);
        Assert.Equal(ClaimOutcome.Fresh, due.Outcome);
        Assert.True(due.Record!.IsRemoved);

        var next = await Granted("a", observed: removed.Token);
        Assert.True((await Commit(next, "after")).Accepted);
        await AssertShows("after", next);
    }

    [SharedFact]
    public async Task A_repeated_claim_gets_the_first_answer()
    {
        var operation = Op();
        var first = await Claim("a", operation: operation);
        Assert.Equal(ClaimOutcome.Granted, first.Outcome);
        await Write();

        var again = await Claim("a", operation: operation);
        Assert.Equal(ClaimOutcome.Granted, again.Outcome);
        Assert.Equal(first.Token, again.Token);
        Assert.False((await Commit(again.Token)).Accepted);
    }

    [SharedFact]
    public async Task A_repeated_commit_gets_the_first_answer_and_is_no_second_change()
    {
        var operation = Op();
        var token = await Granted();
        await Commit(token, "committed", operation: operation);
        var set = (await Write("set")).Token;

        var again = await Commit(token, "committed", operation: operation);
        Assert.True(again.Accepted);
        Assert.Equal(token, again.Token);
        await AssertShows("set", set);
    }

    [SharedFact]
    public async Task A_repeated_set_gets_the_first_answer_and_is_no_second_change()
    {
        var operation = Op();
        var first = await Write("first", operation: operation);
        var second = (await Write("second")).Token;

        var again = await Write("first", isRetry: true, operation: operation);
        Assert.True(again.Accepted);
        Assert.Equal(first.Token, again.Token);
        Assert.Equal(first.Token, (await Write("first", operation: operation)).Token);
        await AssertShows("second", second);
    }

    [SharedFact]
    public async Task A_repeated_removal_gets_the_first_answer_and_is_no_second_change()
    {
        var operation = Op();
        var removed = await Invalidate(operation: operation);
        var set = (await Write("set")).Token;

        Assert.Equal(removed.Token, (await Invalidate(operation: operation)).Token);
        await AssertShows("set", set);
    }

    [SharedFact]
    public async Task A_repeated_release_gets_the_first_answer_and_ends_no_other_claim()
    {
        var operation = Op();
        var token = await Granted("a");
        Assert.True(await Release(token, onlyIfUncontended: true, operation: operation));
        var other = await Granted("b");
        await Claim("c");

        Assert.True(await Release(token, onlyIfUncontended: true, operation: operation));
        Assert.Equal(RenewOutcome.Held, await Renew(other));
    }

    [SharedFact]
    public async Task Operations_of_two_nodes_are_never_taken_for_one()
    {
        var first = await Write("first", operation: new OperationId("one", 1));
        var second = await Write("second", operation: new OperationId("two", 1));
        Assert.True(second.Token > first.Token);
        await AssertShows("second", second.Token);
    }
}
