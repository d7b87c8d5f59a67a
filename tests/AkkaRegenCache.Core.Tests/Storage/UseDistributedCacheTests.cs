using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Caches on a distributed cache, as applications register them.</summary>
public sealed class UseDistributedCacheTests
{
    private readonly MemoryDistributedCache _shared = Caches.InMemory(TimeProvider.System);

    [Fact]
    public async Task A_second_application_finds_the_value_and_runs_no_generator()
    {
        await using var one = Application();
        Assert.Equal("made", await Get(one, "made"));

        await using var two = Application();
        Assert.Equal("made", await Get(two, "never made"));
        Assert.IsType<DistributedCacheStore>(two.GetRequiredKeyedService<IExternalStore>("cache"));
    }

    [Fact]
    public async Task A_removal_in_one_application_is_found_by_one_that_starts_after_it()
    {
        await using var one = Application();
        await Get(one, "made");
        await one.GetRequiredService<IRegenCache>().RemoveAsync("key");

        await using var two = Application();
        Assert.Equal("made again", await Get(two, "made again"));
    }

    [Fact]
    public async Task A_value_of_a_newer_version_hinders_no_caller()
    {
        await using var one = Application();
        await Get(one, "made");
        var record = (await _shared.GetAsync("arc:cache:key"))!.ToArray();
        record[4]++;
        await _shared.SetAsync("arc:cache:key", record, new DistributedCacheEntryOptions());

        await using var two = Application();
        Assert.Equal("made here", await Get(two, "made here"));
        Assert.Equal("made here", await Get(two, "never made"));
        Assert.Equal(record, await _shared.GetAsync("arc:cache:key"));
    }

    private static async Task<string> Get(ServiceProvider application, string value) =>
        await application.GetRequiredService<IRegenCache>().GetOrCreateAsync(
            "key", value, static (made, _) => new ValueTask<string>(made)).AsTask().WaitAsync(TimeSpan.FromSeconds(60));

    private ServiceProvider Application()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IDistributedCache>(_shared);
        services.AddRegenCache("cache", Caches.WaitForTheStore).UseDistributedCache();
        return services.BuildServiceProvider();
    }
}
