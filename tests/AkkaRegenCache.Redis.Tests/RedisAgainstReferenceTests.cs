using System.Globalization;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>Every answer is the one that the reference gives.</summary>
public sealed class RedisAgainstReferenceTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    private const string Clock = "local function clock() return tonumber(redis.call('GET', 'clock')) end\n";

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    [RedisTheory]
    [MemberData(nameof(Seeds))]
    public async Task Redis_answers_as_the_reference_does(int seed)
    {
        var prefix = redis.NewPrefix();
        var store = new RedisStore(new RedisConnection(redis.Connection), prefix, null, new RedisScripts(Clock));
        await new AgainstReference(seed, _ => store, SetTimeAsync) { AfterEach = PersistAsync }.RunAsync();

        Task SetTimeAsync(DateTimeOffset now)
        {
            var micros = (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            return redis.Database.StringSetAsync("clock", micros.ToString(CultureInfo.InvariantCulture));
        }

        // Redis lets go of keys by its real clock, which isn't the one of this test.
        async Task PersistAsync()
        {
            foreach (var key in AgainstReference.Keys)
            {
                await redis.Database.KeyPersistAsync($"{prefix}:{{:{key}}}:s");
                await redis.Database.KeyPersistAsync($"{prefix}:{{:{key}}}:v");
            }
        }
    }
}
