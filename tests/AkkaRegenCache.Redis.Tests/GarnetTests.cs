using AkkaRegenCache.Testing.Servers;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>A server that isn't Redis, and whose scripts are atomic only where it was told so.</summary>
public sealed class GarnetTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    /// <summary>Before each script: INFO answers as Garnet's does.</summary>
    private const string InfoOfGarnet = """
        local server = redis
        local redis = setmetatable({ pcall = function(command, ...)
          if command ~= 'INFO' then return server.pcall(command, ...) end
          return '# Server\r\ngarnet_version:2.2.8\r\nserver_name:garnet\r\nrun_id:9917160e23d8\r\nredis_version:7.4.3\r\n'
        end }, { __index = server })

        local function clock()
          local time = redis.call('TIME')
          return tonumber(time[1]) * 1000000 + tonumber(time[2])
        end

        """;

    [RedisTheory]
    [InlineData(InfoOfGarnet, true)]
    [InlineData(null, false)]
    public async Task Garnet_is_told_from_Redis_and_its_mode_is_asked_for_once(string? clock, bool isGarnet)
    {
        var log = new LogList();
        var store = new RedisStore(new RedisConnection(redis.Connection), redis.NewPrefix(), log, new RedisScripts(clock));

        await store.ForCache("catalog").CheckAsync(["key"]);
        await store.ForCache("prices").CheckAsync(["key"]);

        Assert.Equal(isGarnet ? 1 : 0, log.Lines.Count);
        Assert.All(log.Lines, line => Assert.Contains("--lua-transaction-mode", line, StringComparison.Ordinal));
        Assert.All(log.Lines, line => Assert.Contains("2.2.8", line, StringComparison.Ordinal));
    }
}
