using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>Whole caches on a real Redis, each with a connection of its own, as in processes of their own.</summary>
public sealed class FarmTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static readonly RegenEntryOptions s_long = new() { RegenerationInterval = TimeSpan.FromMinutes(10) };

    [RedisTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Five_nodes_with_fifty_callers_each_on_a_cold_key_run_one_generator(bool withNotifications)
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new Farm(server, 5, withNotifications);
        var runs = 0;
        var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var callers = farm.Caches.SelectMany(cache => Enumerable.Range(0, 50).Select(async _ =>
        {
            await begin.Task;
            return await cache.GetOrCreateAsync("cold", 0, async (_, ct) =>
            {
                var run = Interlocked.Increment(ref runs);
                await Task.Delay(300, ct);
                return $"run {run}";
            }, s_long);
        })).ToArray();
        begin.SetResult();
        var values = await Task.WhenAll(callers).WaitAsync(s_patience);
        Assert.Equal(1, runs);
        Assert.All(values, value => Assert.Equal("run 1", value));
    }

    [RedisFact]
    public async Task A_change_on_one_node_is_seen_on_the_others_and_a_newcomer_finds_it_in_redis()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new Farm(server, 2);
        var (one, two) = (farm.Caches[0], farm.Caches[1]);
        Assert.Equal("made", await Get(one, "made"));
        Assert.Equal("made", await Get(two, "never made"));

        await one.SetAsync("key", "set", s_long);
        await Eventually.Holds(async () => await Get(two, "never made") == "set", "the other node shows the set");
        await two.RemoveAsync("key");
        await Eventually.Holds(async () => !(await one.TryGetAsync<string>("key")).Found, "the first node shows the removal");
        Assert.Equal("again", await Get(one, "again"));
        await using var late = new Farm(server, 1);
        Assert.Equal("again", await Get(late.Caches[0], "never made"));
    }

    [RedisFact]
    public async Task Generators_on_two_nodes_that_wait_for_each_other_get_an_error_long_before_their_deadline()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new Farm(server, 2);
        var begun = new CountdownEvent(2);
        var calls = new[] { Ask(farm.Caches[0], "a", "b"), Ask(farm.Caches[1], "b", "a") };

        var errors = await Task.WhenAll(calls.Select(call => Record.ExceptionAsync(() => call.WaitAsync(s_patience))));

        Assert.DoesNotContain(errors, error => error is null or TimeoutException);
        Assert.Contains(errors, error => error!.Message.Contains("'a' → 'b' → 'a'", StringComparison.Ordinal)
            || error.Message.Contains("'b' → 'a' → 'b'", StringComparison.Ordinal));

        Task<string> Ask(IRegenCache cache, string key, string other) => cache.GetOrCreateAsync(key, async ct =>
        {
            begun.Signal();
            while (!begun.IsSet)
                await Task.Delay(10, ct);
            return await cache.GetOrCreateAsync(other, _ => new ValueTask<string>("not run"), s_long, ct);
        }, s_long).AsTask();
    }

    [RedisFact]
    public async Task What_a_caller_was_given_its_node_shows_each_time_of_a_thousand()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new Farm(server, 2);
        var others = 0;
        for (var i = 0; i < 1000; i++)
        {
            var cache = farm.Caches[i % 2];
            var (key, value) = ($"key{i % 50}", $"run {i}");
            Assert.Equal(value, await cache.RefreshAsync(key, _ => new ValueTask<string>(value), s_long));
            if ((await cache.TryGetAsync<string>(key)).Value != value)
                others++;
            Assert.Equal($"cold {i}", await cache.GetOrCreateAsync($"cold{i}", 0, (_, _) => new ValueTask<string>($"cold {i}"), s_long));
            if ((await cache.TryGetAsync<string>($"cold{i}")).Value != $"cold {i}")
                others++;
        }

        Assert.Equal(0, others);
    }

    [RedisFact]
    public async Task A_failure_is_shared_by_all_who_wait()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new Farm(server, 3);
        var runs = 0;
        var errors = await Task.WhenAll(farm.Caches.SelectMany(cache => Enumerable.Range(0, 10).Select(async _ =>
            await Record.ExceptionAsync(async () => await cache.GetOrCreateAsync<int, string>("failing", 0, async (_, ct) =>
            {
                Interlocked.Increment(ref runs);
                await Task.Delay(500, ct);
                throw new InvalidOperationException("it broke");
            }, s_long))))).WaitAsync(s_patience);
        Assert.Equal(1, runs);
        Assert.All(errors, error => Assert.Contains("it broke", error!.Message, StringComparison.Ordinal));
    }

    [RedisFact]
    public async Task Two_caches_of_one_application_share_a_connection_and_nothing_else()
    {
        await using var server = await RedisServer.StartNewAsync();
        var services = new ServiceCollection();
        services.AddRegenCache("catalog").UseRedis(server.Configuration);
        services.AddRegenCache("prices").UseRedis(server.Configuration);
        await using var provider = services.BuildServiceProvider();
        var catalog = provider.GetRequiredKeyedService<IRegenCache>("catalog");
        var prices = provider.GetRequiredKeyedService<IRegenCache>("prices");
        Assert.Equal("of catalog", await Get(catalog, "of catalog"));
        Assert.Equal("of prices", await Get(prices, "of prices"));
        await catalog.RemoveAsync("key");
        Assert.Equal("of prices", await Get(prices, "never made"));
        Assert.Single(services, service => service.ServiceType == typeof(RedisConnection));
    }

    [RedisFact]
    public async Task A_host_starts_while_redis_is_down_and_its_cache_serves()
    {
        await using var server = await RedisServer.StartNewAsync();
        await server.KillAsync();
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddRegenCache("catalog", options => options.StoreWriteTimeout = TimeSpan.FromMilliseconds(500)).UseRedis(server.Configuration);
        using var host = builder.Build();
        await host.StartAsync().WaitAsync(s_patience);
        var cache = host.Services.GetRequiredService<IRegenCache>();
        Assert.Equal("made here", await Get(cache, "made here"));

        await server.StartAsync();
        await Eventually.Holds(
            async () =>
            {
                try
                {
                    return (await cache.SetAsync("other", "set", s_long)).Token > 0;
                }
                catch (RegenStoreException)
                {
                    return false;
                }
            },
            "a set is stored");
        await host.StopAsync();
    }

    [RedisFact]
    public async Task A_connection_that_was_given_stays_its_owners()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var made = 0;
        var services = new ServiceCollection();
        services.AddRegenCache("given").UseRedis(link.Connection);
        services.AddRegenCache("made").UseRedis(_ =>
        {
            made++;
            return Task.FromResult<IConnectionMultiplexer>(link.Connection);
        });
        await using (var provider = services.BuildServiceProvider())
        {
            Assert.Equal("1", await Get(provider.GetRequiredKeyedService<IRegenCache>("given"), "1"));
            Assert.Equal("2", await Get(provider.GetRequiredKeyedService<IRegenCache>("made"), "2"));
            Assert.IsType<RedisStore>(provider.GetRequiredKeyedService<IExternalStore>("made"));
        }

        Assert.Equal(1, made);
        Assert.True(link.Connection.IsConnected);
        Assert.Throws<ArgumentException>(() => services.AddRegenCache("bad").UseRedis("localhost,nonsense=5"));
    }

    [RedisFact]
    public async Task A_value_of_a_newer_version_or_another_type_hinders_no_caller()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var database = link.Connection.GetDatabase();
        await using (var first = new Farm(server, 1))
        {
            // The caller has its value before the store has; and a node that leaves takes nobody's time.
            await Get(first.Caches[0], "made");
            await Eventually.Holds(async () => await database.KeyExistsAsync("arc:{catalog:key}:v"), "the value is stored");
        }

        var record = (byte[])(await database.StringGetAsync("arc:{catalog:key}:v"))!;
        record[4]++;
        await database.StringSetAsync("arc:{catalog:key}:v", record);
        await database.ListRightPushAsync("arc:{catalog:listed}:v", "foreign");

        await using var second = new Farm(server, 1);
        Assert.Equal("made here", await Get(second.Caches[0], "made here"));
        Assert.Equal("made here", await Get(second.Caches[0], "never made"));
        Assert.Equal(record, (byte[]?)await database.StringGetAsync("arc:{catalog:key}:v"));
        Assert.Equal("made too", await Get(second.Caches[0], "made too", "listed"));
    }

    private static async Task<string> Get(IRegenCache cache, string value, string key = "key") =>
        await cache.GetOrCreateAsync(key, value, static (made, _) => new ValueTask<string>(made), s_long).AsTask().WaitAsync(s_patience);

    /// <summary>So many applications of the same cache, each with its own container and connection.</summary>
    private sealed class Farm : IAsyncDisposable
    {
        private readonly ServiceProvider[] _nodes;

        public Farm(RedisServer server, int nodes, bool withNotifications = true)
        {
            _nodes = [.. Enumerable.Range(0, nodes).Select(_ =>
            {
                var services = new ServiceCollection();
                services.AddRegenCache("catalog", options => options.StoreReadTimeout = options.StoreWriteTimeout = TimeSpan.FromSeconds(10)).UseRedis(server.Configuration);
                if (!withNotifications)
                    services.AddKeyedSingleton<Notifications.INotificationBus>("catalog", new Notifications.InProcessNotificationBus());
                return services.BuildServiceProvider();
            })];
            Caches = [.. _nodes.Select(node => node.GetRequiredService<IRegenCache>())];
        }

        public IRegenCache[] Caches { get; }

        public async ValueTask DisposeAsync()
        {
            foreach (var node in _nodes)
                await node.DisposeAsync();
        }
    }
}
