using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A8: a schedule that doesn't drift, is never nearer than the minimum, and doesn't multiply runs.</summary>
[Trait("Row", "A8")]
public abstract class ScheduleScenarios(FarmMode mode) : Scenario(mode)
{
    [SharedFact]
    public async Task Runs_stay_on_the_grid_of_the_first_one_however_long_each_takes()
    {
        await using var farm = NewFarm(nodes: 2, options => options.JitterShare = 0);
        var generator = new TestGenerator(farm);
        generator.Body = async (run, ct) => await farm.DelayAsync(Seconds(run == 1 ? 0 : 0.1 * (run % 8)), ct);
        await farm.GetAsync(0, generator, Active);
        await farm.GetAsync(1, generator, Active);

        await farm.AdvanceAsync(Seconds(40.9));

        AssertRanAt(farm, generator, [.. Enumerable.Range(0, 21).Select(run => 2.0 * run)]);
    }

    [SharedFact]
    public async Task Jitter_delays_each_run_and_adds_up_to_nothing()
    {
        await using var farm = NewFarm(nodes: 1, options => options.JitterShare = 0.1);
        var generator = new TestGenerator(farm, takes: Seconds(0.3));
        await farm.GetAsync(0, generator, Active);
        var first = farm.Now;

        await farm.AdvanceAsync(Seconds(41));

        Assert.Equal(21, generator.Runs);
        for (var run = 1; run < generator.Runs; run++)
            Assert.InRange(generator.Starts[run] - first, Seconds(2 * run), Seconds((2 * run) + 0.201) + farm.Slack);
    }

    [SharedFact]
    public async Task An_interval_much_shorter_than_the_tolerance_makes_no_more_runs_than_are_due()
    {
        await using var farm = NewFarm(nodes: 3);
        var options = new RegenEntryOptions
        {
            RegenerationInterval = Seconds(0.5),
            InactiveRetention = Seconds(60),
            ExpiryTolerance = Seconds(30),
        };
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, options);

        await farm.AdvanceAsync(Seconds(2.4));
        Assert.Equal(1 + 4, generator.Runs);

        await farm.AdvanceAsync(Seconds(20));
        Assert.Equal(1 + 44, generator.Runs);
    }

    [SharedFact]
    public async Task A_due_time_is_never_nearer_than_the_minimum_and_stays_on_the_grid()
    {
        await using var farm = NewFarm(nodes: 1, options => options.JitterShare = 0);
        var options = Active with { MinimumForwardScheduling = Seconds(0.8) };
        var generator = new TestGenerator(farm);
        generator.Body = async (run, ct) => await farm.DelayAsync(run == 2 ? Seconds(1.5) : TimeSpan.Zero, ct);
        await farm.GetAsync(0, generator, options);

        await farm.AdvanceAsync(Seconds(9));

        // The second run ends at 3.5: half a second before the next target, which is too near.
        AssertRanAt(farm, generator, 0, 2, 6, 8);
    }

    [SharedFact]
    public async Task A_generator_that_takes_longer_than_the_interval_runs_one_at_a_time_on_the_grid()
    {
        await using var farm = NewFarm(nodes: 3, options => options.JitterShare = 0);
        var generator = new TestGenerator(farm, takes: Seconds(5));
        var calls = await farm.CallTogetherAsync(farm.Indexes, 1, node => farm.Call(node, generator, Active));
        await farm.AnswersAsync(calls);
        var begun = farm.Now;

        await farm.AdvanceAsync(Seconds(37));

        // Each takes two and a half intervals, so every third target is met.
        Assert.Equal(1, generator.MostAtOnce);
        Assert.Equal(1 + 6, generator.Runs);
        for (var run = 1; run < generator.Runs; run++)
        {
            var late = (generator.Starts[run] - begun).Ticks % Seconds(2).Ticks;
            Assert.InRange(late, 0, Seconds(0.75).Ticks);
        }
    }

    [SharedFact]
    public async Task A_set_starts_the_schedule_anew()
    {
        await using var farm = NewFarm(nodes: 2, options => options.JitterShare = 0);
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, Active);
        await farm.GetAsync(1, generator, Active);
        await farm.AdvanceAsync(Seconds(1.3));

        await farm.SetAsync(1, Key, "set", Active);
        await farm.AdvanceAsync(Seconds(1.9));
        Assert.Equal(1, generator.Runs);
        await AssertShownEverywhereAsync(farm, "set");

        await farm.AdvanceAsync(Seconds(0.2));
        Assert.Equal(2, generator.Runs);
        await AssertShownEverywhereAsync(farm, "value 2");
    }
}
