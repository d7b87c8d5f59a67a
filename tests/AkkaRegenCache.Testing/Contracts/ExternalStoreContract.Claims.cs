using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

public abstract partial class ExternalStoreContract
{
    [SharedFact]
    public async Task The_first_claim_is_granted_and_others_are_told_who_holds_it_and_for_how_long()
    {
        var token = await Granted("a", lease: 3);
        await Advance(1);

        foreach (var reason in (ClaimReason[])[ClaimReason.Miss, ClaimReason.Refresh])
        {
            var held = await Claim("b", reason);
            Assert.Equal(ClaimOutcome.Held, held.Outcome);
            Assert.Equal("a", held.Owner);
            Assert.Equal(token, held.Token);
            AssertNear(2, held.Remaining);
        }

        Assert.Equal(ClaimOutcome.Held, (await Claim("a")).Outcome);
    }

    [SharedFact]
    public async Task Of_many_who_claim_at_the_same_moment_one_gets_it()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () => await Store.ClaimAsync(new ClaimRequest
        {
            Key = Key, Operation = new OperationId($"node{i}", 1), Owner = $"node{i}", Lease = Unit * 100,
        }))));

        var granted = Assert.Single(answers, a => a.Outcome == ClaimOutcome.Granted);
        Assert.All(answers.Where(a => a != granted), held =>
        {
            Assert.Equal(ClaimOutcome.Held, held.Outcome);
            Assert.Equal(granted.Token, held.Token);
        });
    }

    [SharedFact]
    public async Task A_claim_ends_with_its_lease_and_the_next_one_is_newer()
    {
        var first = await Granted("a", lease: 2);
        await Advance(1.8);
        Assert.Equal(ClaimOutcome.Held, (await Claim("b")).Outcome);
        await Advance(0.3);
        Assert.True(await Granted("b") > first);
    }

    [SharedFact]
    public async Task A_renewed_claim_holds_past_its_first_lease_and_a_renewal_never_shortens_it()
    {
        var token = await Granted(lease: 3);
        await Advance(2);
        Assert.Equal(RenewOutcome.Held, await Renew(token, lease: 3));
        Assert.Equal(RenewOutcome.Held, await Renew(token, lease: 1));
        await Advance(2.5);
        Assert.Equal(ClaimOutcome.Held, (await Claim("b")).Outcome);
        Assert.True((await Commit(token)).Accepted);
    }

    [SharedFact]
    public async Task A_renewal_tells_for_each_claim_whether_it_is_held()
    {
        var held = await Granted(key: "held", lease: 3);
        var ended = await Granted(key: "ended", lease: 1);
        var written = await Granted(key: "written", lease: 3);
        var removed = await Granted(key: "removed", lease: 3);
        var stolen = await Granted("a", key: "stolen", lease: 3);
        var committed = await Granted(key: "committed");
        await Write(key: "written");
        await Invalidate(key: "removed");
        await Granted("b", stealFrom: "a", key: "stolen");
        await Commit(committed, key: "committed");
        await Advance(1.2);

        var answer = await Store.RenewAsync(
            [
                new("held", held), new("held", held + 1), new("held", held - 1), new("ended", ended), new("unknown", 5),
                new("written", written), new("removed", removed), new("stolen", stolen), new("committed", committed), new("held", held),
            ],
            Unit * 3);
        Assert.Equal(
            [.. new[] { RenewOutcome.Held }, .. Enumerable.Repeat(RenewOutcome.Lost, 8), RenewOutcome.Held],
            answer.Outcomes);
    }

    [SharedFact]
    public async Task An_ended_claim_is_not_brought_back_by_a_renewal()
    {
        var token = await Granted(lease: 1);
        await Advance(1.2);
        Assert.Equal(RenewOutcome.Lost, await Renew(token));
        Assert.False((await Commit(token)).Accepted);
    }

    [SharedFact]
    public async Task A_miss_finds_what_is_fresh_and_not_older_than_it_knows()
    {
        var token = (await Generate(schedule: Fresh(5))).Token;

        foreach (var observed in (long[])[0, token - 1, token])
        {
            var fresh = await Claim("b", observed: observed);
            Assert.Equal(ClaimOutcome.Fresh, fresh.Outcome);
            Assert.Equal("value", Text(fresh.Record));
            Assert.Equal(token, fresh.Record!.Token);
            AssertNear(5, fresh.Record.FreshFor);
        }

        Assert.True(await Granted("b", observed: token + 1) > token);
    }

    [SharedFact]
    public async Task A_miss_of_an_ended_value_is_granted()
    {
        await Generate(schedule: Fresh(1));
        await Advance(1.1);
        await Granted();
    }

    [SharedFact]
    public async Task A_refresh_takes_only_what_is_newer_than_it_knows()
    {
        var token = (await Generate()).Token;

        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", ClaimReason.Refresh, observed: token - 1)).Outcome);
        var granted = await Granted("b", ClaimReason.Refresh, observed: token);
        Assert.Equal(ClaimOutcome.Held, (await Claim("c", ClaimReason.Refresh, observed: token)).Outcome);
        Assert.True((await Commit(granted, "newer")).Accepted);

        var shared = await Claim("c", ClaimReason.Refresh, observed: token);
        Assert.Equal(ClaimOutcome.Fresh, shared.Outcome);
        Assert.Equal("newer", Text(shared.Record));
        await Granted("d", ClaimReason.Refresh, observed: 0);
    }

    [SharedFact]
    public async Task A_due_claim_is_granted_when_the_time_has_come_and_once()
    {
        await Generate(schedule: Fresh(10, interval: 5, activeFor: 60));
        await Advance(4.8);
        var early = await Claim("a", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Fresh, early.Outcome);
        Assert.Equal("value", Text(early.Record));
        AssertNear(0.2, early.Record!.DueIn);

        await Advance(0.3);
        var token = await Granted("a", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Held, (await Claim("b", ClaimReason.Due)).Outcome);
        Assert.True((await Commit(token, "second", Fresh(10, interval: 5, activeFor: 60))).Accepted);

        var late = await Claim("b", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Fresh, late.Outcome);
        Assert.Equal("second", Text(late.Record));
    }

    [SharedFact]
    public async Task While_a_due_claim_stands_the_old_value_is_still_fresh_for_others()
    {
        await Generate(schedule: Fresh(10, interval: 5, activeFor: 60));
        await Advance(5.1);
        await Granted("a", ClaimReason.Due);

        var fresh = await Claim("b");
        Assert.Equal(ClaimOutcome.Fresh, fresh.Outcome);
        Assert.Equal("value", Text(fresh.Record));
        await AssertShows("value");
    }

    [SharedFact]
    public async Task A_due_claim_on_nothing_is_granted_only_to_one_who_knows_of_readers()
    {
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("a", ClaimReason.Due)).Outcome);
        Assert.Equal(ClaimOutcome.Granted, (await Claim("a", ClaimReason.Due, activeFor: 5)).Outcome);
    }

    [SharedFact]
    public async Task A_claim_is_stolen_only_from_the_owner_who_is_named_and_its_commit_is_then_rejected()
    {
        var zombie = await Granted("a");
        Assert.Equal(ClaimOutcome.Held, (await Claim("b", stealFrom: "c")).Outcome);
        Assert.Equal(ClaimOutcome.Held, (await Claim("b")).Outcome);

        var stolen = await Granted("b", stealFrom: "a");
        Assert.True(stolen > zombie);
        Assert.Equal(RenewOutcome.Lost, await Renew(zombie));
        Assert.False((await Commit(zombie, "zombie")).Accepted);
        Assert.True((await Commit(stolen, "thief")).Accepted);
        await AssertShows("thief", stolen);
    }

    [SharedFact]
    public async Task A_stolen_claim_is_not_stolen_again_within_its_first_lease()
    {
        await Granted("a");
        var stolen = await Granted("b", stealFrom: "a", lease: 3);
        Assert.Equal(ClaimOutcome.Held, (await Claim("c", stealFrom: "b")).Outcome);
        await Advance(2);
        Assert.Equal(RenewOutcome.Held, await Renew(stolen, lease: 3));
        Assert.Equal(ClaimOutcome.Held, (await Claim("c", stealFrom: "b")).Outcome);
        await Advance(1.2);
        Assert.True(await Granted("c", stealFrom: "b") > stolen);
    }

    [SharedFact]
    public async Task Tokens_granted_or_accepted_only_go_up_also_when_nothing_else_tells_them_apart()
    {
        var last = 0L;
        for (var round = 0; round < 20; round++)
        {
            var claim = await Granted("a", ClaimReason.Refresh);
            Next(claim);
            if (round % 2 == 0)
                Assert.Equal(claim, (await Commit(claim)).Token);
            else
                await Release(claim);
            Next((await Write()).Token);
            Next(await Granted("b", ClaimReason.Refresh));
            Next((await Invalidate()).Token);
        }

        void Next(long token)
        {
            Assert.True(token > last, $"{token} after {last}");
            last = token;
        }
    }

    [SharedFact]
    public async Task Tokens_follow_the_clock_so_that_they_go_up_also_for_a_key_that_was_forgotten()
    {
        var first = (await Write(schedule: Fresh(1))).Token;
        await Advance(2);
        var second = (await Write()).Token;
        Assert.True(second - first >= ((2 * Unit) - Tolerance).Ticks / TimeSpan.TicksPerMicrosecond, $"{second} after {first}");
    }
}
