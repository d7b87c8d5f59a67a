using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>The connection that caches share: made here, or found by the application.</summary>
public sealed class RedisConnectionTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    [RedisFact]
    public async Task Without_a_server_a_command_on_a_connection_of_its_own_fails_long_before_its_timeout()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var connection = RedisConnection.To($"{server.Configuration},asyncTimeout=300000");
        var client = await connection.GetAsync();
        await client.GetDatabase().PingAsync();
        await server.KillAsync();
        await Eventually.Holds(() => !client.IsConnected, "the client has noticed");

        await Assert.ThrowsAsync<RedisConnectionException>(() => client.GetDatabase().PingAsync().WaitAsync(s_patience));
    }
}
