using Xunit;
using Xunit.Abstractions;

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>Every scenario, short: real processes, real faults. Figures are for the long runs; here no promise may break.</summary>
public sealed class ScenarioTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [LabFact]
    public async Task Cold_keys_are_made_once()
    {
        var report = await RunAsync(new LabOptions { Scenario = "cold", Keys = 8 });
        Assert.Equal((8, 8), (report.Runs, report.Accepted));
        Assert.Equal(3 * 50 * 8, report.Reads);
        Assert.NotNull(report.WaitAfterRunMsP99);
    }

    [LabFact]
    public async Task Warm_keys_are_made_once_per_interval_and_nobody_waits()
    {
        var report = await RunAsync(new LabOptions { Scenario = "warm", Seconds = 5 });
        Assert.Equal(0, report.WaitedReads);
        Assert.Equal(report.IdealRuns, report.Runs);
    }

    [LabFact]
    public async Task Keys_that_nobody_reads_are_made_once_per_interval_all_the_same()
    {
        var report = await RunAsync(new LabOptions { Scenario = "unread", Seconds = 5 });
        Assert.Equal(0, report.WaitedReads);
        Assert.Equal(report.IdealRuns, report.Runs);
        Assert.InRange((int)report.Details["fewestRunsOfAKey"], 5, 8);
    }

    [LabFact]
    public async Task A_flood_of_keys_leaves_a_bounded_part_of_itself_behind()
    {
        var report = await RunAsync(new LabOptions { Scenario = "flood", Keys = 15_000, Entries = 2000 });
        Assert.Equal(15_000, report.Reads);
        Assert.Equal(2000L, report.Details["entriesOfANodeMax"]);
    }

    [LabFact]
    public async Task Synchronous_callers_that_block_the_pool_are_answered()
    {
        var report = await RunAsync(new LabOptions { Scenario = "starve" });
        Assert.InRange(report.Runs!.Value, 2, 6);
    }

    [LabFact]
    public async Task A_killed_holder_is_taken_over_from()
    {
        var report = await RunAsync(new LabOptions { Scenario = "kill-holder", Rounds = 1 });
        Assert.InRange(report.Runs!.Value, 1, 2);
        Assert.NotNull(report.TakeoverMs);
    }

    [LabFact]
    public async Task A_paused_holder_stores_nothing_when_it_goes_on()
    {
        var report = await RunAsync(new LabOptions { Scenario = "pause-holder", Rounds = 1 });
        Assert.Equal((2, 1), (report.Runs, report.Accepted));
    }

    [LabFact]
    public Task A_restart_of_Redis_is_survived() => RunAsync(new LabOptions { Scenario = "redis-restart", Interval = s_second });

    [LabFact]
    public Task An_outage_of_Redis_is_survived() => RunAsync(new LabOptions { Scenario = "redis-outage", Seconds = 5, Interval = s_second });

    [LabFact]
    public Task A_Redis_that_hangs_is_survived() => RunAsync(new LabOptions { Scenario = "redis-hang", Seconds = 4, Interval = s_second });

    [LabFact]
    public Task A_stopped_node_finds_its_way_back_to_a_restarted_Redis() =>
        RunAsync(new LabOptions { Scenario = "paused-restart", Interval = s_second });

    [LabFact]
    public async Task A_rolling_restart_makes_nobody_wait()
    {
        // A node that leaves cancels the generators it runs, and another node runs them again: by the letter a second run without a fault, and
        // the scenario says so when it is run by hand. All else must hold.
        var report = await RunAsync(
            new LabOptions { Scenario = "rolling-restart", Interval = s_second },
            static violation => violation.Contains("its result was not accepted", StringComparison.Ordinal)
                || violation.Contains("more like these", StringComparison.Ordinal));
        Assert.Equal((0, 0), (report.Errors, report.WaitedReads));
    }

    [LabFact]
    public async Task A_rolling_upgrade_to_a_release_that_writes_more_fails_no_read()
    {
        // As in the rolling restart, a node that leaves may leave a run unfinished.
        var report = await RunAsync(
            new LabOptions { Scenario = "rolling-upgrade", Interval = s_second },
            static violation => violation.Contains("its result was not accepted", StringComparison.Ordinal)
                || violation.Contains("more like these", StringComparison.Ordinal));
        Assert.Equal((0, 0), (report.Errors, report.Details["missesAfterTheUpgrade"]));
    }

    [LabFact]
    public Task Churn_breaks_no_promise() => RunAsync(new LabOptions { Scenario = "churn", Seconds = 15, Seed = 1 });

    [LabFact]
    public async Task The_load_on_Redis_is_measured()
    {
        var report = await RunAsync(new LabOptions { Scenario = "load", Keys = 400, Interval = 2 * s_second, Seconds = 4 });
        Assert.InRange(report.RedisCommandsPerSecond!.Value, 1, 10_000);
        Assert.True(report.Details.ContainsKey("byScript:claim"));
    }

    private async Task<LabReport> RunAsync(LabOptions options, Func<string, bool>? isKnown = null)
    {
        var report = await LabRun.RunAsync(options with { Nodes = 3 }, output.WriteLine);
        output.WriteLine(report.ToJson());
        Assert.DoesNotContain(report.Violations, violation => isKnown?.Invoke(violation) != true);
        return report;
    }
}
