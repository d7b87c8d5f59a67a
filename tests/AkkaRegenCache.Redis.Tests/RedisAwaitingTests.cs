using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>D21: messages that are published by one process and awaited by others, through a real redis-server.</summary>
[Trait("Row", "D21")]
public sealed class RedisAwaitingTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly string _prefix = redis.NewPrefix();

    [RedisFact]
    public async Task A_message_completes_its_awaiters_on_all_nodes_once_and_no_others()
    {
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 3);
        var awaiters = farm.Nodes.SelectMany(node => Enumerable.Range(0, 5).Select(_ => node.Register("1"))).ToList();
        using var other = farm.Nodes[0].Register("2");

        Assert.True(await farm.Nodes[1].PublishAsync(new Done("1", "first")));

        foreach (var awaiter in awaiters)
            Assert.Equal("first", (await awaiter.Task.WaitAsync(s_patience)).State);
        Assert.False(other.Task.IsCompleted);
        Assert.Equal([1, 0, 0], farm.Nodes.Select(node => node.Awaiters.AwaiterCount));
    }

    [RedisFact]
    public async Task A_thousand_awaiters_on_three_nodes_all_complete()
    {
        const int Keys = 100;
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 3);
        var nodes = farm.Nodes;
        var awaiters = Enumerable.Range(0, 1_000)
            .Select(i => (Key: $"{i % Keys}", Awaiter: nodes[i % nodes.Count].Register($"{i % Keys}")))
            .ToList();

        await Task.WhenAll(Enumerable.Range(0, Keys).Select(key => Task.Run(async () =>
            Assert.True(await nodes[key % nodes.Count].PublishAsync(new Done($"{key}", $"state {key}"))))));

        foreach (var (key, awaiter) in awaiters)
            Assert.Equal($"state {key}", (await awaiter.Task.WaitAsync(s_patience)).State);
        Assert.All(nodes, node => Assert.Equal((0, 0), (node.Awaiters.AwaiterCount, node.Awaiters.KeyCount)));
    }

    [RedisFact]
    public async Task Farms_of_different_prefixes_and_topics_of_different_names_do_not_meet()
    {
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 1);
        await using var foreign = await Farm.StartAsync(redis.Server, redis.NewPrefix(), 1);
        await using var other = await Farm.StartAsync(redis.Server, _prefix, 1, topic: "other");
        using var awaiter = farm.Nodes[0].Register("1");

        await foreign.Nodes[0].PublishAsync(new Done("1", "foreign"));
        await other.Nodes[0].PublishAsync(new Done("1", "other"));
        using var last = farm.Nodes[0].Register("last");
        await farm.ConnectedAsync();

        Assert.False(awaiter.Task.IsCompleted);
    }

    [RedisFact]
    public async Task The_client_s_channel_prefix_is_before_the_channel_s_name()
    {
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 2, more: ",channelPrefix=app:");

        Assert.Equal($"app:{_prefix}:await:0:orders", await ChannelsAsync($"*{_prefix}:await*"));
        await using var without = await Farm.StartAsync(redis.Server, _prefix, 1);
        using var awaiter = without.Nodes[0].Register("1");
        await farm.Nodes[0].PublishAsync(new Done("1", "prefixed"));
        await without.ConnectedAsync();
        Assert.False(awaiter.Task.IsCompleted);
    }

    [RedisFact]
    public async Task Names_with_braces_colons_and_percent_signs_are_topics_of_their_own()
    {
        await using var one = await Farm.StartAsync(redis.Server, _prefix, 2, topic: "{a}:b%");
        await using var two = await Farm.StartAsync(redis.Server, _prefix, 1, topic: "%7Ba%7D:b%25");
        using var awaiter = two.Nodes[0].Register("1");
        using var hearing = one.Nodes[1].Register("1");

        await one.Nodes[0].PublishAsync(new Done("1", "one"));

        Assert.Equal("one", (await hearing.Task.WaitAsync(s_patience)).State);
        await two.ConnectedAsync();
        Assert.False(awaiter.Task.IsCompleted);
    }

    [RedisFact]
    public async Task Hostile_bytes_on_the_channel_are_dropped_with_a_line_in_the_log_and_the_next_message_is_heard()
    {
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 2);
        using var awaiter = farm.Nodes[1].Register("1");
        byte[][] hostile =
            [[0xA7], [1, 2, 3], [0xA7, 9, .. new byte[20]], [0xA7, 1, .. new byte[8], 2, .. "nonsense"u8], new byte[200_000]];

        foreach (var bytes in hostile)
            await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal($"{_prefix}:await:0:orders"), bytes);
        await farm.Nodes[0].PublishAsync(new Done("1", "after"));

        Assert.Equal("after", (await awaiter.Task.WaitAsync(s_patience)).State);
        Assert.Contains(farm.Log.Lines, line => line.Contains("Topic 'orders': a message was dropped", StringComparison.Ordinal));
    }

    [RedisFact]
    public async Task While_Redis_is_away_messages_reach_this_node_alone_and_afterwards_all()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = await Farm.StartAsync(server, _prefix, 2);
        for (var round = 0; round < 2; round++)
        {
            await server.KillAsync();
            using var here = farm.Nodes[0].Register("1");
            using var there = farm.Nodes[1].Register("1");
            await Eventually.Holds(async () => !await farm.Nodes[0].PublishAsync(new Done("1", "alone")), "nobody else can be told");
            Assert.Equal("alone", (await here.Task.WaitAsync(s_patience)).State);

            // What was lost is lost: nothing brings it later.
            await server.StartAsync();
            await farm.ConnectedAsync();
            Assert.False(there.Task.IsCompleted);
        }

        Assert.Contains(farm.Log.Lines, line => line.Contains("could not be sent to the other nodes", StringComparison.Ordinal));
    }

    [RedisFact]
    public async Task A_host_starts_while_Redis_is_down_and_its_topic_hears_when_it_is_there()
    {
        await using var server = await RedisServer.StartNewAsync();
        await server.KillAsync();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id).UseRedis(server.Configuration, _prefix);
        using var host = builder.Build();
        await host.StartAsync().WaitAsync(s_patience);

        await server.StartAsync();

        await using var farm = await Farm.StartAsync(server, _prefix, 1);
        await ConnectedAsync([host.Services.GetRequiredService<CorrelatedAwaiting<Done, string>>(), .. farm.Nodes]);
        await host.StopAsync();
    }

    [RedisFact]
    public async Task A_subscription_that_no_longer_hears_is_made_again_also_where_nobody_publishes()
    {
        await using var link = await Link.ToAsync(redis.Server);
        using var channel = new RedisCorrelatedChannel(
            new RedisConnection(link.Connection), _prefix, "orders", new LogList(), heartbeat: TimeSpan.FromMilliseconds(500));
        using var silent = new CorrelatedAwaiting<Done, string>("orders", done => done.Id, new(), channel, null, null, null);
        await using var farm = await Farm.StartAsync(redis.Server, _prefix, 1);
        for (var round = 0; round < 2; round++)
        {
            using var awaiter = silent.Register("1");
            await Eventually.Holds(
                async () =>
                {
                    await farm.Nodes[0].PublishAsync(new Done("1", "heard"));
                    return awaiter.Task.IsCompletedSuccessfully;
                },
                "it hears");

            // As the client does it where a renewal is lost: nobody is told, and all goes on as if it stood.
            await link.Connection.GetSubscriber().UnsubscribeAllAsync();
        }
    }

    [RedisFact]
    public async Task A_topic_that_is_disposed_leaves_no_subscription_and_ends_its_awaiters()
    {
        var farm = await Farm.StartAsync(redis.Server, _prefix, 2);
        var awaiter = farm.Nodes[0].Register("1");
        Assert.Equal($"{_prefix}:await:0:orders", await ChannelsAsync($"{_prefix}:await*"));

        foreach (var node in farm.Nodes)
            node.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => awaiter.Task.WaitAsync(s_patience));
        await Eventually.Holds(async () => await ChannelsAsync($"{_prefix}:await*") == "", "Redis knows no subscription any more");
        await farm.DisposeAsync();
    }

    [RedisTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Topics_are_registered_on_a_connection_of_the_application_s_or_on_one_that_it_makes(bool isMade)
    {
        await using var link = await Link.ToAsync(redis.Server);
        var made = 0;
        var services = new ServiceCollection();
        var builder = services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id);
        if (isMade)
        {
            builder.UseRedis(
                _ =>
                {
                    Interlocked.Increment(ref made);
                    return Task.FromResult<IConnectionMultiplexer>(link.Connection);
                },
                _prefix);
        }
        else
        {
            builder.UseRedis(link.Connection, _prefix);
        }

        await using (var provider = services.BuildServiceProvider())
        await using (var farm = await Farm.StartAsync(redis.Server, _prefix, 1))
            await ConnectedAsync([provider.GetRequiredService<CorrelatedAwaiting<Done, string>>(), .. farm.Nodes]);

        Assert.Equal(isMade ? 1 : 0, made);
        Assert.True(link.Connection.IsConnected);
    }

    [Fact]
    public void A_configuration_that_can_not_be_read_is_an_error_at_the_registration()
    {
        var builder = new ServiceCollection().AddCorrelatedAwaiting<Done, string>("orders", done => done.Id);

        Assert.ThrowsAny<ArgumentException>(() => builder.UseRedis("localhost:6379,noSuchOption=1"));
        Assert.ThrowsAny<ArgumentException>(() => builder.UseRedis("localhost:6379", " "));
    }

    private async Task<string> ChannelsAsync(string pattern)
    {
        var channels = (RedisResult[])(await redis.Database.ExecuteAsync("PUBSUB", "CHANNELS", pattern))!;
        return string.Join(' ', channels.Select(channel => channel.ToString()));
    }

    /// <summary>Waits until what any of the nodes publishes is heard by all of them.</summary>
    private static async Task ConnectedAsync(IReadOnlyList<CorrelatedAwaiting<Done, string>> nodes)
    {
        foreach (var from in nodes)
        {
            var probe = new Done(Guid.NewGuid().ToString(), "");
            var hearing = nodes.Select(node => node.Register(probe.Id)).ToList();
            await Eventually.Holds(
                async () =>
                {
                    await from.PublishAsync(probe);
                    return hearing.TrueForAll(awaiter => awaiter.Task.IsCompletedSuccessfully);
                },
                "all nodes hear each other");
        }
    }

    private sealed record Done(string Id, string State);

    /// <summary>Some processes, as far as a topic can tell: each with a container and a connection of its own.</summary>
    private sealed class Farm : IAsyncDisposable
    {
        private readonly List<ServiceProvider> _providers = [];

        public List<CorrelatedAwaiting<Done, string>> Nodes { get; } = [];

        public LogList Log { get; } = new();

        public static async Task<Farm> StartAsync(RedisServer server, string prefix, int count, string topic = "orders", string more = "")
        {
            var farm = new Farm();
            for (var i = 0; i < count; i++)
            {
                var services = new ServiceCollection();
                services.AddSingleton<ILoggerFactory>(new OneLog(farm.Log));
                services.AddCorrelatedAwaiting<Done, string>(topic, done => done.Id).UseRedis(server.Configuration + more, prefix);
                var provider = services.BuildServiceProvider();
                farm._providers.Add(provider);
                farm.Nodes.Add(provider.GetRequiredService<CorrelatedAwaiting<Done, string>>());
            }

            await farm.ConnectedAsync();
            return farm;
        }

        public Task ConnectedAsync() => RedisAwaitingTests.ConnectedAsync(Nodes);

        public async ValueTask DisposeAsync()
        {
            foreach (var provider in _providers)
                await provider.DisposeAsync();
        }
    }

    private sealed class OneLog(ILogger log) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}
