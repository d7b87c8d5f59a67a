using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Scenarios;
using AkkaRegenCache.Testing.Servers;
using AkkaRegenCache.Testing.Stores;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>
/// Farms on a real redis-server and virtual time: the scripts' clock is the farm's, which stands while a command is under way. What Redis itself
/// lets go by its own clock is there for longer than it would be; the scripts go by the times they have written down.
/// </summary>
/// <remarks>Notifications stay within this process, with values as bytes: Redis' own pub/sub is in <see cref="RedisOutageTests"/>.</remarks>
public sealed class RedisMode : FarmMode, IDisposable
{
    private static readonly Lazy<RedisMode> s_shared = new(() => new RedisMode());

    private readonly RedisServer _server = RedisServer.StartNewAsync().GetAwaiter().GetResult();
    private readonly ConnectionMultiplexer _connection;
    private int _farms;

    private RedisMode()
    {
        // Time is virtual; the client's own is not, and ten megabytes take a loaded machine longer than its five seconds.
        _connection = ConnectionMultiplexer.Connect(_server.Configuration + ",asyncTimeout=120000,syncTimeout=120000");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose();
    }

    /// <summary>One server for all scenarios; each farm has a prefix and a clock of its own.</summary>
    public static FarmMode Shared => RedisServer.WhyMissing is null ? s_shared.Value : null!;

    public override Farm Create(FarmSetup setup)
    {
        var number = Interlocked.Increment(ref _farms);
        var backend = new Backend(_connection.GetDatabase(), $"clock{number}");
        backend.SetTimeAsync(TimeSpan.Zero).GetAwaiter().GetResult();
        return new VirtualFarm(
            setup, _ => new CountedStore(new RedisStore(new RedisConnection(_connection), $"farm{number}", null, backend.Scripts), backend.Calls), backend);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _server.Dispose();
    }

    /// <summary>Redis, with a time that is told to it.</summary>
    private sealed class Backend(IDatabase database, string clock) : IVirtualBackend
    {
        private const long Start = 1_700_000_000_000_000;

        public CallCount Calls { get; } = new();

        public int CallsUnderWay => Calls.Count;

        public RedisScripts Scripts { get; } = new($$"""
            if redis.replicate_commands then redis.replicate_commands() end
            local function clock() return tonumber(redis.call('GET', '{{clock}}')) end

            """);

        public Task SetTimeAsync(TimeSpan now) => database.StringSetAsync(clock, Start + (now.Ticks / TimeSpan.TicksPerMicrosecond));
    }
}

[Collection("Virtual farms on Redis")]
public sealed class BadInput_on_redis() : BadInputScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Cancellation_on_redis() : CancellationScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Change_on_redis() : ChangeScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Deadlock_on_redis() : DeadlockScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Failure_on_redis() : FailureScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Generator_on_redis() : GeneratorScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Keyspace_on_redis() : KeyspaceScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Lifetime_on_redis() : LifetimeScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Memory_on_redis() : MemoryScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class NodeLife_on_redis() : NodeLifeScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class ReadAndRefresh_on_redis() : ReadAndRefreshScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class ReadThrough_on_redis() : ReadThroughScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Recovery_on_redis() : RecoveryScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Regeneration_on_redis() : RegenerationScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Schedule_on_redis() : ScheduleScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class StoreFailure_on_redis() : StoreFailureScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class StoreTimeout_on_redis() : StoreTimeoutScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Value_on_redis() : ValueScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class Overload_on_redis() : OverloadScenarios(RedisMode.Shared);

[Collection("Virtual farms on Redis")]
public sealed class WhatBreaksOthers_on_redis() : WhatBreaksOthersScenarios(RedisMode.Shared);
