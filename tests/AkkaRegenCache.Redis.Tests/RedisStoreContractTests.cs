using System.Diagnostics;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>
/// The contract on a real server whose time is moved, not waited for: the scripts' clock is Redis' own and a shift, and what is left to live of
/// each key is shortened by as much. So the suite is exact and takes seconds. Real time is <see cref="RedisTimeTests"/>'.
/// </summary>
public abstract class ShiftedRedisContract(ContractServer server) : ExternalStoreContract, IAsyncLifetime
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

    private RedisStore? _store;
    private long _begun;

    protected override IExternalStore Store => _store!;

    /// <summary>Besides what is moved, Redis' clock goes on: a test that the machine holds up finds it later by as much.</summary>
    protected override TimeSpan Tolerance => TimeSpan.FromMilliseconds(90) + Stopwatch.GetElapsedTime(_begun);

    public async Task InitializeAsync()
    {
        if (RedisServer.WhyMissing is not null)
            return;
        await server.Link!.Admin.FlushAllDatabasesAsync();
        _begun = Stopwatch.GetTimestamp();
        _store = new RedisStore(new RedisConnection(server.Link.Connection), "arc", null, new RedisScripts(Clock));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    protected override async Task AdvanceAsync(TimeSpan time)
    {
        var micros = time.Ticks / TimeSpan.TicksPerMicrosecond;
        await server.Link!.Connection.GetDatabase().ScriptEvaluateAsync(Move, [(RedisKey)ShiftKey], [micros]);
    }
}

public sealed class RedisStoreContractTests(ContractServer server) : ShiftedRedisContract(server), IClassFixture<ContractServer>;

/// <summary>
/// The contract on a Redis Cluster of one node, which refuses a call whose keys are in different slots just as one of many nodes does.
/// </summary>
public sealed class RedisClusterContractTests(ClusterServer server) : ShiftedRedisContract(server), IClassFixture<ClusterServer>
{
    protected override bool ChecksEpochs => false;
}

/// <summary>A server for all tests of a class, empty before each.</summary>
public class ContractServer : IAsyncLifetime
{
    private RedisServer? _server;

    internal Link? Link { get; private set; }

    protected virtual string[] Arguments => [];

    public async Task InitializeAsync()
    {
        if (RedisServer.WhyMissing is not null)
            return;
        _server = await RedisServer.StartNewAsync(false, Arguments);
        Link = await Link.ToAsync(_server);
        await PrepareAsync(Link);
    }

    public async Task DisposeAsync()
    {
        if (Link is not null)
            await Link.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    internal virtual Task PrepareAsync(Link link) => Task.CompletedTask;
}

/// <summary>A server that is a whole Redis Cluster.</summary>
public sealed class ClusterServer : ContractServer
{
    protected override string[] Arguments => ["--cluster-enabled", "yes"];

    internal override async Task PrepareAsync(Link link)
    {
        var slots = Enumerable.Range(0, 16384).Select(slot => (object)slot).Prepend("addslots").ToArray();
        await link.Connection.GetDatabase().ExecuteAsync("CLUSTER", slots);
        await Eventually.Holds(
            async () =>
            {
                await link.Connection.ConfigureAsync();
                return link.Admin.ServerType == ServerType.Cluster && (await link.Connection.GetDatabase().StringGetAsync("any")).IsNull;
            },
            "the cluster is up");
    }
}
