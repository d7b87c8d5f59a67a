using AkkaRegenCache.Hosting;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>What all scenarios share. A scenario is abstract: each mode of a farm derives it.</summary>
public abstract class Scenario(FarmMode mode)
{
    protected const string Key = "key";

    /// <summary>Regenerated every 2 seconds for a minute after the last read; a value lives for 12.</summary>
    protected static readonly RegenEntryOptions Active = new()
    {
        RegenerationInterval = Seconds(2),
        InactiveRetention = Seconds(60),
        ExpiryTolerance = Seconds(10),
    };

    /// <summary>Never regenerated on a schedule; a value lives for 12 seconds.</summary>
    protected static readonly RegenEntryOptions Passive = new()
    {
        RegenerationInterval = Seconds(10),
        InactiveRetention = TimeSpan.Zero,
        ExpiryTolerance = Seconds(2),
    };

    protected static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    protected Farm NewFarm(int nodes = 1, Action<RegenCacheOptions>? configure = null) =>
        mode.Create(new FarmSetup { Nodes = nodes, Configure = configure });

    /// <summary>A farm whose nodes have registered generators.</summary>
    protected Farm NewRegisteredFarm(int nodes, Action<RegenCacheBuilder> register, Action<RegenCacheOptions>? configure = null) =>
        mode.Create(new FarmSetup { Nodes = nodes, Register = register, Configure = configure });

    /// <summary>The generator ran at these times and no others, each as late as the farm may be.</summary>
    protected static void AssertRanAt(Farm farm, TestGenerator generator, params double[] seconds)
    {
        var starts = generator.Starts;
        Assert.Equal(seconds.Length, starts.Count);
        for (var run = 0; run < seconds.Length; run++)
            Assert.InRange(starts[run], Seconds(seconds[run]), Seconds(seconds[run]) + farm.Slack);
    }

    /// <summary>Nobody has waited for time to pass since then.</summary>
    protected static void AssertNoTimeHasPassed(Farm farm, TimeSpan since = default) =>
        Assert.InRange(farm.Now - since, TimeSpan.Zero, farm.Slack);

    /// <summary>No flight, waiter, claim or run is left over.</summary>
    protected static async Task AssertNothingLeftAsync(Farm farm)
    {
        await farm.SettleAsync();
        Assert.Empty(farm.Leftovers());
    }

    /// <summary>Every node shows this value, without a store or a generator.</summary>
    protected static async Task AssertShownEverywhereAsync(Farm farm, string? value, string key = Key)
    {
        foreach (var i in farm.Indexes)
        {
            var reads = farm.StoreOf(i).Calls(StoreOperation.Look);
            var read = farm.Node(i).TryGetAsync<string?>(key).AsTask();
            Assert.True(read.IsCompletedSuccessfully, $"node {i} does not have '{key}' in memory");
            Assert.Equal(new CacheResult<string?>(true, value), await read);
            Assert.Equal(reads, farm.StoreOf(i).Calls(StoreOperation.Look));
        }
    }

    /// <summary>No node finds the key, in memory or in the store.</summary>
    protected static async Task AssertFoundNowhereAsync(Farm farm, string key = Key)
    {
        foreach (var i in farm.Indexes)
            Assert.Equal(default, await farm.TryGetAsync<string>(i, key));
    }
}
