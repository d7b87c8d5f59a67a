using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Scenarios;

/// <summary>What can be shown on virtual time only.</summary>
public sealed class VirtualTimeOnlyTests
{
    private static readonly RegenEntryOptions s_options = new()
    {
        RegenerationInterval = TimeSpan.FromSeconds(2),
        InactiveRetention = TimeSpan.FromMinutes(10),
        ExpiryTolerance = TimeSpan.FromMinutes(2),
    };

    [Theory, Trait("Row", "A8")]
    [InlineData(1)]
    [InlineData(4)]
    public async Task After_a_pause_of_thirty_intervals_there_is_one_run_and_no_burst(int nodes)
    {
        await using var farm = new VirtualFarm(
            new FarmSetup { Nodes = nodes, Configure = options => options.JitterShare = 0 }, storesObjects: true);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.GetAsync(i, generator, s_options);

        await farm.PauseAsync(TimeSpan.FromSeconds(61));
        await farm.AdvanceAsync(TimeSpan.FromSeconds(0.9));
        Assert.Equal(2, generator.Runs);

        // And on the old grid again.
        await farm.AdvanceAsync(TimeSpan.FromSeconds(4));
        Assert.Equal(4, generator.Runs);
        Assert.Equal([TimeSpan.FromSeconds(62), TimeSpan.FromSeconds(64)], generator.Starts.Skip(2));
    }

    [Fact]
    public async Task A_farm_that_never_becomes_quiet_fails_its_test_with_its_state()
    {
        // The harness itself: a generator at work outside of the farm's own time is noticed.
        await using var farm = new VirtualFarm(new FarmSetup(), storesObjects: true) { Patience = TimeSpan.FromMilliseconds(200) };
        var outside = new TaskCompletionSource();
        var call = farm.Node(0).GetOrCreateAsync("key", async _ =>
        {
            await outside.Task;
            return 1;
        });

        var failure = await Assert.ThrowsAsync<TimeoutException>(farm.SettleAsync);

        Assert.Contains("generators 1", failure.Message, StringComparison.Ordinal);
        outside.SetResult();
        Assert.Equal(1, await farm.AnswerAsync(call));
    }
}
