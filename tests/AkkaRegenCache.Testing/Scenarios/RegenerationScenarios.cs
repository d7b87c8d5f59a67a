using System.Globalization;
using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A4 ahead of expiry, A5 with no reads at all, A6 until the key is inactive, A7 passive keys.</summary>
public abstract class RegenerationScenarios(FarmMode mode) : Scenario(mode)
{
    private static readonly TimeSpan s_interval = Seconds(2);

    [SharedTheory, Trait("Row", "A4")]
    [InlineData(1, 0)]
    [InlineData(1, 0.9)]
    [InlineData(3, 0.9)]
    public async Task A_reader_polling_through_twenty_intervals_never_waits_and_never_misses(int nodes, double generatorSeconds)
    {
        await using var farm = NewFarm(nodes);
        var generator = new TestGenerator(farm, takes: Seconds(generatorSeconds));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);
        var begun = farm.Now;
        var newest = new int[nodes];

        while (farm.Now - begun < 20.5 * s_interval)
        {
            foreach (var i in farm.Indexes)
            {
                var run = int.Parse(farm.Hit(i, generator, Active).Split(' ')[1], CultureInfo.InvariantCulture);
                Assert.InRange(run, newest[i], generator.Runs);
                newest[i] = run;

                // What is shown is the last one made; only while the next is being made it is the one before.
                Assert.InRange(generator.Runs - run, 0, generator.Running);
            }

            await farm.AdvanceAsync(Seconds(0.1));
        }

        Assert.Equal(21, generator.Runs);
        Assert.Equal(1, generator.MostAtOnce);
    }

    [SharedTheory, Trait("Row", "A5")]
    [InlineData(true, 0.1)]
    [InlineData(true, 0)]
    [InlineData(false, 0.1)]
    public async Task Eight_nodes_make_the_value_once_per_interval_with_no_reads_at_all(bool notifications, double jitterShare)
    {
        await using var farm = NewFarm(8, options => (options.NotificationsEnabled, options.JitterShare) = (notifications, jitterShare));
        var generator = new TestGenerator(farm, takes: Seconds(0.2));
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, Active);

        await farm.AdvanceAsync(20.5 * s_interval);

        Assert.Equal(1 + 20, generator.Runs);
        if (notifications)
            await AssertShownEverywhereAsync(farm, "value 21");
    }

    [SharedFact, Trait("Row", "A5")]
    public async Task When_the_node_that_regenerates_leaves_another_goes_on_in_its_place()
    {
        await using var farm = NewFarm(nodes: 3);
        var generators = farm.Indexes.Select(i => new TestGenerator(farm, name: $"node {i}")).ToList();
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generators[i], Active);

        for (var leaving = 0; leaving < 2; leaving++)
        {
            await farm.AdvanceAsync(4 * s_interval);
            await farm.LeaveAsync(generators.FindIndex(g => g.LastStart == generators.Max(o => o.LastStart)));
        }

        await farm.AdvanceAsync(4.5 * s_interval);

        // Once for the first read and once per interval; the newest value is no older than an interval and what late nodes wait more.
        Assert.Equal(1 + 12, generators.Sum(g => g.Runs));
    }

    [SharedFact, Trait("Row", "A6")]
    public async Task A_key_is_regenerated_until_its_retention_after_the_last_read_anywhere_has_passed_and_no_longer()
    {
        await using var farm = NewFarm(nodes: 3);
        var options = Active with { InactiveRetention = Seconds(9) };
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, options);

        // Reads, all of them hits, on a node that didn't make the value.
        var lastRead = TimeSpan.Zero;
        while (farm.Now < Seconds(7))
        {
            await farm.AdvanceAsync(Seconds(0.5));
            farm.Hit(2, generator, options);
            lastRead = farm.Now;
        }

        await farm.AdvanceAsync(Seconds(40));

        Assert.InRange(generator.Starts[^1], lastRead + Seconds(9) - (1.5 * s_interval), lastRead + Seconds(9) + farm.Slack);
        await AssertNothingLeftAsync(farm);
        await AssertFoundNowhereAsync(farm);
        var runs = generator.Runs;
        Assert.Equal($"value {runs + 1}", await farm.GetAsync(1, generator, options));
        await farm.AdvanceAsync(1.5 * s_interval);
        Assert.Equal(runs + 2, generator.Runs);
    }

    [SharedFact, Trait("Row", "A6")]
    public async Task A_read_of_a_value_that_is_no_longer_regenerated_brings_the_schedule_back()
    {
        await using var farm = NewFarm();
        var options = Active with { InactiveRetention = Seconds(5), ExpiryTolerance = Seconds(30) };
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, options);
        await farm.AdvanceAsync(Seconds(20));
        var runs = generator.Runs;
        Assert.Equal(3, runs);

        // It is a hit yet.
        farm.Hit(0, generator, options);
        await farm.AdvanceAsync(1.5 * s_interval);

        Assert.InRange(generator.Runs, runs + 1, runs + 2);
    }

    [SharedTheory, Trait("Row", "A7")]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_key_whose_retention_is_not_above_its_interval_is_never_regenerated(double retentionSeconds)
    {
        await using var farm = NewFarm(nodes: 3);
        var options = Active with { InactiveRetention = Seconds(retentionSeconds), ExpiryTolerance = Seconds(60) };
        var generator = new TestGenerator(farm);
        await farm.GetAsync(0, generator, options);

        for (var i = 0; i < 100; i++)
        {
            await farm.AdvanceAsync(Seconds(0.5));
            Assert.Equal("value 1", await farm.GetAsync(i % 3, generator, options));
        }

        Assert.Equal(1, generator.Runs);
    }
}
