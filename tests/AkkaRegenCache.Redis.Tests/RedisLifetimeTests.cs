using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using AkkaRegenCache.Testing.Servers;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>How long Redis itself keeps a value that has nothing but a time to live.</summary>
public sealed class RedisLifetimeTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    private readonly string _prefix = redis.NewPrefix();

    [RedisTheory]
    [InlineData(3_600_000, 1 / 24d)]
    [InlineData(-1, 3650)]
    public async Task A_value_expires_in_redis_when_its_lifetime_ends(int milliseconds, double days)
    {
        var lifetime = TimeSpan.FromMilliseconds(milliseconds);
        await using var provider = Application();
        var cache = provider.GetRequiredService<IRegenCache>();

        await cache.GetOrCreateAsync("made", lifetime, static _ => new ValueTask<string>("made"));
        await cache.SetAsync("set", "set", lifetime);

        foreach (var key in new[] { "made", "set" })
        {
            TimeSpan? left = null;
            await Eventually.Holds(
                async () => (left = await redis.Database.KeyTimeToLiveAsync($"{_prefix}:{{cache:{key}}}:v")) is not null, $"'{key}' is stored");
            Assert.InRange(left!.Value, TimeSpan.FromDays(days) - TimeSpan.FromMinutes(5), TimeSpan.FromDays(days));
        }
    }

    [RedisFact]
    public async Task The_longest_life_that_options_can_give_is_stored_and_found_by_another_node()
    {
        var options = new RegenEntryOptions
        {
            RegenerationInterval = Timeout.InfiniteTimeSpan,
            InactiveRetention = Timeout.InfiniteTimeSpan,
            ExpiryTolerance = Timeout.InfiniteTimeSpan,
            HardTimeout = Timeout.InfiniteTimeSpan,
        };
        await using var one = Application();
        await using var two = Application();

        Assert.False((await one.GetRequiredService<IRegenCache>().SetAsync("key", "set", options)).IsPending);

        Assert.Equal("set", (await two.GetRequiredService<IRegenCache>().TryGetAsync<string>("key")).Value);
        var left = await redis.Database.KeyTimeToLiveAsync($"{_prefix}:{{cache:key}}:v");
        Assert.InRange(left!.Value, TimeSpan.FromDays(7299), TimeSpan.FromDays(7300));
    }

    private ServiceProvider Application()
    {
        var services = new ServiceCollection();

        // Whatever a loaded machine makes of it: what is looked at is what Redis has in the end.
        var patience = TimeSpan.FromMinutes(1);
        services.AddRegenCache("cache", options => (options.StoreReadTimeout, options.StoreWriteTimeout) = (patience, patience))
            .UseRedis(redis.Server.Configuration, _prefix);
        return services.BuildServiceProvider();
    }
}
