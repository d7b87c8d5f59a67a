using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Lifetimes, those without end too, on a distributed cache, which expires its entries by itself.</summary>
public sealed class DistributedLifetimeTests
{
    private readonly MemoryDistributedCache _shared = Caches.InMemory(TimeProvider.System);

    [Theory]
    [InlineData(60_000)]
    [InlineData(-1)]
    public async Task A_second_application_finds_the_value_and_runs_no_generator(int milliseconds)
    {
        var lifetime = TimeSpan.FromMilliseconds(milliseconds);
        await using (var one = Application())
            Assert.Equal("made", await GetAsync(one, lifetime, "made"));

        // A caller is answered before the value is stored; a cache that was disposed of has stored it.
        await using var two = Application();
        Assert.Equal("made", await GetAsync(two, lifetime, "never made"));
    }

    [Fact]
    public async Task All_that_may_be_without_end_may_be_so_together()
    {
        var options = new RegenEntryOptions
        {
            RegenerationInterval = Timeout.InfiniteTimeSpan,
            InactiveRetention = Timeout.InfiniteTimeSpan,
            ExpiryTolerance = Timeout.InfiniteTimeSpan,
            HardTimeout = Timeout.InfiniteTimeSpan,
        };
        await using var one = Application();
        await one.GetRequiredService<IRegenCache>().SetAsync("key", "set", options);

        await using var two = Application();
        Assert.Equal("set", await GetAsync(two, Timeout.InfiniteTimeSpan, "never made"));
    }

    private static async Task<string> GetAsync(ServiceProvider application, TimeSpan lifetime, string value) =>
        await application.GetRequiredService<IRegenCache>().GetOrCreateAsync(
            "key", lifetime, value, static (made, _) => new ValueTask<string>(made)).AsTask().WaitAsync(TimeSpan.FromSeconds(60));

    private ServiceProvider Application()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IDistributedCache>(_shared);
        services.AddRegenCache("cache", Caches.WaitForTheStore).UseDistributedCache();
        return services.BuildServiceProvider();
    }
}
