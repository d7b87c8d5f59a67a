using AkkaRegenCache.FarmLab.Node;
using Xunit;
using Xunit.Abstractions;

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>Scenarios with coordinators, short; without Redis where the mode says so. All others run by hand in these modes too.</summary>
public sealed class ClusterScenarioTests(ITestOutputHelper output)
{
    [LabFact]
    public async Task Cold_keys_are_made_once_in_a_cluster_on_Redis()
    {
        var report = await RunAsync(new LabOptions { Scenario = "cold", Mode = "cluster", Keys = 8 });
        Assert.Equal((8, 8), (report.Runs, report.Accepted));
    }

    [LabFact]
    public async Task Warm_keys_are_made_once_per_interval_in_a_cluster_alone()
    {
        var report = await RunAsync(new LabOptions { Scenario = "warm", Mode = "cluster-only", Seconds = 5 });
        Assert.Equal(0, report.WaitedReads);
    }

    [LabFact]
    public async Task Nobody_waits_for_the_shards_of_a_killed_node()
    {
        var report = await RunAsync(new LabOptions { Scenario = "kill-coordinator", Mode = "cluster", Rounds = 1 });
        Assert.Equal(0, report.Details["secondAccepted"]);
    }

    [LabFact]
    public async Task Nobody_waits_for_the_shards_of_a_killed_node_that_had_their_records()
    {
        var report = await RunAsync(new LabOptions { Scenario = "kill-coordinator", Mode = "cluster-only", Rounds = 1 });
        Assert.Equal(0, report.Details["secondAccepted"]);
    }

    [LabFact]
    public async Task A_killed_holder_is_taken_over_from_before_its_lease_ends()
    {
        var report = await RunAsync(new LabOptions { Scenario = "kill-holder", Mode = "cluster", Rounds = 1 });
        Assert.InRange(report.Runs!.Value, 1, 2);
        Assert.NotNull(report.TakeoverMs);
    }

    [LabFact]
    public Task A_paused_holder_shows_the_newer_value_when_it_goes_on() =>
        RunAsync(new LabOptions { Scenario = "pause-holder", Mode = "cluster-only", Rounds = 1 });

    [LabFact]
    public async Task What_is_about_Redis_or_about_coordinators_says_where_it_does_not_apply()
    {
        var redis = await Assert.ThrowsAsync<UsageException>(() => RunAsync(new LabOptions { Scenario = "redis-outage", Mode = "cluster-only" }));
        Assert.Contains("doesn't apply", redis.Message, StringComparison.Ordinal);
        var coordinators = await Assert.ThrowsAsync<UsageException>(() => RunAsync(new LabOptions { Scenario = "kill-coordinator", Mode = "redis" }));
        Assert.Contains("doesn't apply", coordinators.Message, StringComparison.Ordinal);
    }

    private async Task<LabReport> RunAsync(LabOptions options)
    {
        var report = await LabRun.RunAsync(options with { Nodes = 3 }, output.WriteLine);
        output.WriteLine(report.ToJson());
        Assert.Empty(report.Violations);
        return report;
    }
}
