using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

public abstract partial class ExternalStoreContract
{
    [SharedFact]
    public async Task Due_times_stay_on_the_grid_however_late_each_value_comes()
    {
        var schedule = Fresh(30, interval: 5, activeFor: 1000);
        AssertNear(5, (await Generate(schedule: schedule)).DueIn);

        // Each comes later after its due time; the targets do not move.
        double[] late = [0.2, 0.7, 1.5, 4.0];
        var now = 0.0;
        for (var i = 0; i < late.Length; i++)
        {
            var at = (5 * (i + 1)) + late[i];
            await Advance(at - now);
            now = at;
            var due = (await Generate($"value {i}", schedule, ClaimReason.Due)).DueIn;
            AssertNear((5 * (i + 2)) - at, due);
        }
    }

    [SharedFact]
    public async Task A_refresh_before_the_due_time_does_not_move_it()
    {
        var schedule = Fresh(30, interval: 10, activeFor: 1000);
        await Generate(schedule: schedule);
        await Advance(4);
        AssertNear(6, (await Generate(schedule: schedule)).DueIn);
    }

    [SharedFact]
    public async Task A_due_time_is_never_nearer_than_the_minimum()
    {
        var schedule = Fresh(30, interval: 10, activeFor: 1000, minimumForward: 2);
        await Generate(schedule: schedule);
        await Advance(7);
        AssertNear(3, (await Generate(schedule: schedule)).DueIn);
        await Advance(2);
        AssertNear(11, (await Generate(schedule: schedule)).DueIn);

        var tight = Fresh(30, interval: 1, activeFor: 1000, minimumForward: 3);
        AssertNear(3, (await Generate(schedule: tight, key: "tight")).DueIn);
    }

    [SharedFact]
    public async Task After_a_pause_there_is_one_run_and_the_next_is_on_the_grid()
    {
        var schedule = Fresh(100, interval: 5, activeFor: 1000);
        await Generate(schedule: schedule);
        await Advance(23);
        AssertNear(2, (await Generate("after", schedule, ClaimReason.Due)).DueIn);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("a", ClaimReason.Due)).Outcome);
    }

    [SharedFact]
    public async Task Another_interval_starts_the_grid_anew()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 1000));
        await Advance(3);
        AssertNear(7, (await Generate(schedule: Fresh(30, interval: 7, activeFor: 1000))).DueIn);
    }

    [SharedFact]
    public async Task A_set_starts_the_schedule_anew()
    {
        var schedule = Fresh(30, interval: 5, activeFor: 1000);
        await Generate(schedule: schedule);
        await Advance(3);
        var written = await Write(schedule: Fresh(30, interval: 5, activeFor: 8));
        AssertNear(5, written.DueIn);
        AssertNear(8, written.ActiveFor);
        AssertNear(5, (await Read())!.DueIn);
    }

    [SharedFact]
    public async Task A_key_without_an_interval_is_never_due()
    {
        Assert.Null((await Generate(schedule: Fresh(30, activeFor: 1000))).DueIn);
        Assert.Null((await Read())!.DueIn);
        await Advance(20);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("a", ClaimReason.Due, activeFor: 100)).Outcome);
    }

    [SharedFact]
    public async Task A_value_without_an_interval_ends_the_schedule()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 1000));
        Assert.Null((await Generate(schedule: Fresh(30, activeFor: 1000))).DueIn);
        await Advance(6);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("a", ClaimReason.Due)).Outcome);
    }

    [SharedFact]
    public async Task The_schedule_outlives_the_value()
    {
        await Generate(schedule: Fresh(2, interval: 5, activeFor: 100));
        await Advance(5.2);
        Assert.Null(await Read());
        var token = await Granted("a", ClaimReason.Due);
        AssertNear(4.8, (await Commit(token, schedule: Fresh(2, interval: 5, activeFor: 100))).DueIn);
    }

    [SharedFact]
    public async Task An_inactive_key_is_not_due()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 4));
        await Advance(5.2);
        var refused = await Claim("a", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Fresh, refused.Outcome);
        Assert.True(refused.Record!.ActiveFor <= TimeSpan.Zero);
        Assert.True(refused.Record.DueIn < TimeSpan.Zero);
    }

    [SharedFact]
    public async Task A_touch_keeps_a_key_active_and_never_shortens()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 4));
        await Touch(7);
        AssertNear(7, (await Read())!.ActiveFor);
        await Touch(2);
        AssertNear(7, (await Read())!.ActiveFor);
        await Advance(5.2);
        await Granted("a", ClaimReason.Due);
    }

    [SharedFact]
    public async Task A_touch_makes_an_inactive_key_due_again()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 4));
        await Advance(5.2);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("a", ClaimReason.Due)).Outcome);
        await Touch(1);
        await Granted("a", ClaimReason.Due);
    }

    [SharedFact]
    public async Task A_touch_of_what_is_not_there_is_passed_over()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 4));
        await Invalidate(key: "removed");
        await Store.TouchAsync([new("unknown", Unit * 50), new("removed", Unit * 50), new(Key, Unit * 50)]);
        Assert.Null(await Read("unknown"));
        Assert.True((await Read("removed"))!.IsRemoved);
        AssertNear(50, (await Read())!.ActiveFor);
        await Store.TouchAsync([]);
    }

    [SharedFact]
    public async Task A_claim_tells_of_readers_also_where_it_is_not_granted()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 4));
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", activeFor: 20)).Outcome);
        AssertNear(20, (await Read())!.ActiveFor);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", activeFor: 3)).Outcome);
        AssertNear(20, (await Read())!.ActiveFor);
    }

    [SharedFact]
    public async Task A_claim_that_finds_a_value_notes_readers_where_that_adds_a_quarter()
    {
        await Generate(schedule: Fresh(60, interval: 50, activeFor: 40));
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", activeFor: 48)).Outcome);
        AssertNear(40, (await Read())!.ActiveFor);
        Assert.Equal(ClaimOutcome.Fresh, (await Claim("b", activeFor: 60)).Outcome);
        AssertNear(60, (await Read())!.ActiveFor);
    }

    [SharedFact]
    public async Task A_commit_never_shortens_the_activity()
    {
        await Generate(schedule: Fresh(30, interval: 5, activeFor: 50));
        var answer = await Generate(schedule: Fresh(30, interval: 5, activeFor: 2));
        AssertNear(50, answer.ActiveFor);
        AssertNear(50, (await Read())!.ActiveFor);
    }
}
