using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

public abstract partial class ExternalStoreContract
{
    [SharedFact]
    public async Task A_released_claim_is_free_at_once()
    {
        var token = await Granted("a");
        Assert.True(await Release(token));
        Assert.Equal(RenewOutcome.Lost, await Renew(token));
        Assert.True(await Granted("b") > token);
    }

    [SharedFact]
    public async Task Releasing_what_is_not_held_is_harmless()
    {
        Assert.True(await Release(5, key: "unknown"));
        var token = await Granted();
        Assert.True(await Release(token - 1, "late failure", backoff: 5));
        Assert.Equal(RenewOutcome.Held, await Renew(token));
        Assert.True((await Commit(token)).Accepted);
    }

    [SharedFact]
    public async Task A_claim_that_others_wait_for_is_not_released_where_only_an_uncontended_one_shall_be()
    {
        var token = await Granted("a", lease: 3);
        await Claim("b");
        Assert.False(await Release(token, onlyIfUncontended: true));
        Assert.Equal(RenewOutcome.Held, await Renew(token));
        Assert.True(await Release(token));
        await Granted("b");
    }

    [SharedFact]
    public async Task Neither_the_owner_itself_nor_a_due_claim_makes_it_contended()
    {
        await Generate(schedule: Fresh(10, interval: 1, activeFor: 60));
        await Advance(1.1);
        var token = await Granted("a", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Held, (await Claim("a", ClaimReason.Refresh)).Outcome);
        Assert.Equal(ClaimOutcome.Held, (await Claim("b", ClaimReason.Due)).Outcome);
        Assert.True(await Release(token, onlyIfUncontended: true));
    }

    [SharedFact]
    public async Task A_failure_is_found_by_those_who_waited_for_it_and_by_nobody_else()
    {
        var token = await Granted("a");
        await Claim("b");
        await Release(token, "it broke");

        var waiter = await Claim("b", awaited: token);
        Assert.Equal(ClaimOutcome.BackingOff, waiter.Outcome);
        Assert.Equal(token, waiter.Token);
        Assert.Equal("it broke", waiter.Failure!.Message);
        Assert.Equal("Some.Exception", waiter.Failure.Type);
        AssertNear(0, waiter.Remaining);

        await Granted("c");
    }

    [SharedFact]
    public async Task A_fresh_value_answers_a_miss_whatever_became_of_the_next_one()
    {
        var shown = await Generate(schedule: Fresh(30, interval: 1, activeFor: 30));
        await Advance(1.5);
        var next = await Granted("a", reason: ClaimReason.Due);
        await Release(next, "it broke", backoff: 10);

        var claim = await Claim("b", awaited: next);
        Assert.Equal(ClaimOutcome.Fresh, claim.Outcome);
        Assert.Equal(shown.Token, claim.Record!.Token);
        Assert.Equal(ClaimOutcome.BackingOff, (await Claim("b", observed: next)).Outcome);
    }

    [SharedFact]
    public async Task Who_waited_for_an_older_claim_shares_a_newer_ones_failure_but_not_the_other_way_round()
    {
        var first = await Granted("a", lease: 1);
        await Advance(1.2);
        var second = await Granted("b");
        await Release(second, "second");

        Assert.Equal(ClaimOutcome.BackingOff, (await Claim("c", awaited: first)).Outcome);
        Assert.Equal(ClaimOutcome.Granted, (await Claim("d", awaited: second + 1)).Outcome);
    }

    [SharedFact]
    public async Task With_a_backoff_newcomers_get_the_failure_too_until_it_ends()
    {
        var token = await Granted("a");
        await Release(token, "it broke", backoff: 2);

        await Advance(0.5);
        var newcomer = await Claim("b");
        Assert.Equal(ClaimOutcome.BackingOff, newcomer.Outcome);
        Assert.Equal("it broke", newcomer.Failure!.Message);
        AssertNear(1.5, newcomer.Remaining);

        await Advance(1.7);
        await Granted("b");
    }

    [SharedFact]
    public async Task A_refresh_is_not_held_back_by_a_failure_that_began_before_it()
    {
        var token = await Granted("a");
        await Release(token, "it broke", backoff: 5);

        Assert.Equal(ClaimOutcome.BackingOff, (await Claim("c", ClaimReason.Refresh, observed: token - 1, awaited: token)).Outcome);
        Assert.Equal(ClaimOutcome.Granted, (await Claim("b", ClaimReason.Refresh, observed: token, awaited: token)).Outcome);
    }

    [SharedFact]
    public async Task A_refresh_that_nobody_answered_is_granted_in_spite_of_a_backoff()
    {
        await Release(await Granted("a"), "it broke", backoff: 5);
        await Granted("b", ClaimReason.Refresh);
    }

    [SharedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_value_ends_the_backoff(bool written)
    {
        var token = await Granted("a");
        await Release(token, "it broke", backoff: 5, dueBackoff: 5);
        if (written)
            await Write();
        else
            await Generate();

        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", awaited: token)).Outcome);
    }

    [SharedFact]
    public async Task A_failure_is_not_kept_for_ever()
    {
        var token = await Granted("a");
        await Release(token, "it broke");
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        Assert.Equal(ClaimOutcome.Granted, (await Claim("b", awaited: token)).Outcome);
    }

    [SharedTheory]
    [InlineData("it broke")]
    [InlineData(null)]
    public async Task A_due_backoff_holds_back_scheduled_claims_and_only_those(string? failure)
    {
        var schedule = Fresh(20, interval: 1, activeFor: 60);
        await Generate(schedule: schedule);
        await Advance(1.1);
        await Release(await Granted("a", ClaimReason.Due), failure, dueBackoff: 2);

        await Advance(0.5);
        var due = await Claim("b", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.BackingOff, due.Outcome);
        Assert.Null(due.Failure);
        AssertNear(1.5, due.Remaining);

        var refresh = await Granted("b", ClaimReason.Refresh);
        await Release(refresh);
        await Advance(1.7);
        await Granted("b", ClaimReason.Due);
    }
}
