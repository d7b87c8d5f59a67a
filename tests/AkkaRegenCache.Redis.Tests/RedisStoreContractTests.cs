using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Storage;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>
/// The contract on a real server whose time is moved, not waited for: the scripts' clock is Redis' own and a shift, and what is left to live of
/// each key is shortened by as much. So the suite is exact and takes seconds. Real time is <see cref="RedisTimeTests"/>'.
/// </summary>
public abstract class ShiftedRedisContract : ExternalStoreContract, IAsyncLifetime
{
    private const string ShiftKey = "shift";

    // What clock.lua does, and the shift.
    private const string Clock = """
        if redis.replicate_commands then redis.replicate_commands() end
        local function clock()
          local time = redis.call('TIME')
          return tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(redis.pcall('GET', 'shift') or 0)
        end

        """;

    private const string Move = """
        redis.call('INCRBY', KEYS[1], ARGV[1])
        for _, key in ipairs(redis.call('KEYS', '*')) do
          local left = redis.call('PTTL', key)
          if left >= 0 then
            if left > ARGV[1] / 1000 then redis.call('PEXPIRE', key, left - math.floor(ARGV[1] / 1000)) else redis.call('DEL', key) end
          end
        end
        """;

    private RedisServer? _server;
    private ConnectionMultiplexer? _connection;
    private RedisStore? _store;

    protected override IExternalStore Store => _store!;

    protected override TimeSpan Tolerance => TimeSpan.FromMilliseconds(90);

    protected abstract string[] Arguments { get; }

    public virtual async Task InitializeAsync()
    {
        if (RedisServer.WhyMissing is not null)
            return;
        _server = await RedisServer.StartNewAsync(false, Arguments);
        _connection = await ConnectionMultiplexer.ConnectAsync(_server.Configuration);
        await PrepareAsync(_connection);
        _store = new RedisStore(new RedisConnection(_connection), "arc", null, new RedisScripts(Clock));
    }

    public async Task DisposeAsync()
    {
        if (_server is null)
            return;
        _connection?.Dispose();
        await _server.DisposeAsync();
    }

    protected virtual Task PrepareAsync(ConnectionMultiplexer connection) => Task.CompletedTask;

    protected override async Task AdvanceAsync(TimeSpan time)
    {
        var micros = time.Ticks / TimeSpan.TicksPerMicrosecond;
        await _connection!.GetDatabase().ScriptEvaluateAsync(Move, [(RedisKey)ShiftKey], [micros]);
    }
}

public sealed class RedisStoreContractTests : ShiftedRedisContract
{
    protected override string[] Arguments => [];
}
