using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>A cache, a cluster and a Generic Host, as applications put them together.</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task A_host_with_two_caches_serves_both_and_their_agents_are_found()
    {
        using var host = NewHost(
            services =>
            {
                services.AddRegenCache("catalog").UseCluster();
                services.AddRegenCache("prices").UseCluster();
            },
            akka => akka.WithRegenCache("catalog").WithRegenCache<PricesKey>("prices", o => o.Shards = 4));
        await host.StartAsync();

        var catalog = host.Services.GetRequiredService<IRegenCache>();
        var prices = host.Services.GetRequiredKeyedService<IRegenCache>("prices");
        Assert.Equal("a value", await catalog.GetOrCreateAsync("key", _ => new ValueTask<string>("a value")));
        Assert.Equal("a price", await prices.GetOrCreateAsync("key", _ => new ValueTask<string>("a price")));
        var first = host.Services.GetRequiredService<IRequiredActor<RegenCacheKey>>().ActorRef;
        var second = host.Services.GetRequiredService<IRequiredActor<PricesKey>>().ActorRef;
        Assert.Equal(("regencache-catalog", "regencache-prices"), (first.Path.Name, second.Path.Name));

        var node = host.Services.GetRequiredService<ClusterNodes>().For("catalog");
        var own = new ClusterStore(node);
        await Eventually.Holds(() => TestCluster.AnswersAsync(own, "key"), "the cluster stores values once it is up");
        await catalog.SetAsync("later", "stored in the cluster");
        Assert.NotNull((await own.ReadAsync(new ReadRequest { Key = "later" })).Record);

        // The last node has nobody to hand its shards to, and waits for nobody.
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await host.StopAsync();
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }

    [Fact]
    public async Task A_node_that_stops_right_after_its_start_waits_for_no_shard_to_find_a_home()
    {
        for (var round = 0; round < 3; round++)
        {
            using var host = NewHost(
                services => services.AddRegenCache("catalog").UseCluster(),
                akka => akka
                    .AddHocon("akka.coordinated-shutdown.phases.cluster-sharding-shutdown-region.timeout = 300 s", HoconAddMode.Prepend)
                    .WithRegenCache("catalog", o => o.Shards = 64));
            await host.StartAsync();
            var node = host.Services.GetRequiredService<ClusterNodes>().For("catalog");

            // Its pings wait in the region for the shards' homes from now on.
            await Eventually.Holds(() => node.IsUp, "the node is a member");
            await host.StopAsync().WaitAsync(TimeSpan.FromSeconds(120));
        }
    }

    [Fact]
    public async Task An_external_store_that_is_chosen_before_or_after_is_the_cache_s()
    {
        var store = new InMemoryStore(storesObjects: false);
        using var host = NewHost(
            services =>
            {
                services.AddRegenCache("before").UseStore(store).UseCluster();
                services.AddRegenCache("after").UseCluster().UseStore(store);
            },
            akka => akka.WithRegenCache("before").WithRegenCache("after"));
        await host.StartAsync();

        foreach (var name in new[] { "before", "after" })
        {
            await host.Services.GetRequiredKeyedService<IRegenCache>(name).SetAsync("key", name);
            Assert.NotNull((await store.ForCache(name).ReadAsync(new ReadRequest { Key = "key" })).Record);
        }

        await host.StopAsync();
    }

    [Fact]
    public async Task When_the_host_stops_a_running_generator_ends_first_and_its_result_is_stored()
    {
        var store = new InMemoryStore(storesObjects: false);
        using var host = NewHost(services => services.AddRegenCache("catalog").UseStore(store).UseCluster(), akka => akka.WithRegenCache("catalog"));
        await host.StartAsync();
        var cache = host.Services.GetRequiredService<IRegenCache>();
        var system = host.Services.GetRequiredService<ActorSystem>();
        var begun = new TaskCompletionSource();
        var mayEnd = new TaskCompletionSource();
        var livedAtItsEnd = false;
        var answer = cache.GetOrCreateAsync("key", async _ =>
        {
            begun.SetResult();
            await mayEnd.Task;
            livedAtItsEnd = !system.WhenTerminated.IsCompleted;
            return "made";
        }).AsTask();
        await begun.Task;

        var stopping = host.StopAsync();
        await Eventually.Holds(() => CoordinatedShutdown.Get(system).ShutdownReason is not null, "the actor system is about to end");
        mayEnd.SetResult();
        await stopping.WaitAsync(Eventually.Patience);

        Assert.Equal("made", await answer);
        Assert.True(livedAtItsEnd);
        Assert.NotNull((await store.ForCache("catalog").ReadAsync(new ReadRequest { Key = "key" })).Record);
        Assert.True(system.WhenTerminated.IsCompleted);
    }

    [Fact]
    public async Task The_application_s_own_hocon_wins_over_ours_and_ours_over_akka_s()
    {
        using var host = NewHost(
            services => services.AddRegenCache("catalog").UseCluster(),
            akka => akka
                .AddHocon("akka.regencache.sharding.retry-interval = 7 s, akka.cluster.down-removal-margin = 9 s", HoconAddMode.Prepend)
                .WithRegenCache("catalog", o => o.UseFastFailover()));
        await host.StartAsync();

        var config = host.Services.GetRequiredService<ActorSystem>().Settings.Config;
        Assert.Equal(TimeSpan.FromSeconds(7), config.GetTimeSpan("akka.regencache.sharding.retry-interval"));
        Assert.Equal(TimeSpan.FromSeconds(9), config.GetTimeSpan("akka.cluster.down-removal-margin"));
        Assert.Equal(TimeSpan.FromSeconds(4), config.GetTimeSpan("akka.cluster.split-brain-resolver.stable-after"));
        Assert.Equal(TimeSpan.FromSeconds(30), config.GetTimeSpan("akka.coordinated-shutdown.phases.before-service-unbind.timeout"));
        Assert.Empty(config.GetStringList("akka.cluster.sharding.distributed-data.durable.keys"));
        Assert.Equal(TimeSpan.FromSeconds(2), config.GetTimeSpan("akka.cluster.sharding.retry-interval"));
        await host.StopAsync();
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("akka.coordinated-shutdown.run-by-clr-shutdown-hook = on", true)]
    public async Task Where_there_is_a_host_it_ends_the_actor_system_and_not_Akka_beside_it(string own, bool isOn)
    {
        using var host = NewHost(
            services => services.AddRegenCache("catalog").UseCluster(), akka => akka.AddHocon(own, HoconAddMode.Prepend).WithRegenCache("catalog"));
        await host.StartAsync();

        var config = host.Services.GetRequiredService<ActorSystem>().Settings.Config;
        Assert.Equal(isOn, config.GetBoolean("akka.coordinated-shutdown.run-by-clr-shutdown-hook"));
        await host.StopAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_that_is_downed_ends_neither_the_host_nor_the_cache(bool external)
    {
        var log = new LogLines();
        using var host = NewHost(
            services =>
            {
                services.AddLogging(logging => logging.AddProvider(log));
                var cache = services.AddRegenCache("catalog").UseCluster();
                if (external)
                    cache.UseStore(new InMemoryStore(storesObjects: false));
            },
            akka => akka.WithRegenCache("catalog", o => o.UseFastFailover(external)));
        await host.StartAsync();
        var system = host.Services.GetRequiredService<ActorSystem>();
        var catalog = host.Services.GetRequiredService<IRegenCache>();
        var stopping = new TaskCompletionSource();
        using var registered = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopping.SetResult);
        await using var other = new TestNode();
        var own = Akka.Cluster.Cluster.Get(system);
        other.Cluster.Join(own.SelfAddress);
        await Eventually.Holds(() => own.State.Members.Count(m => m.Status == Akka.Cluster.MemberStatus.Up) == 2, "both are members");
        await catalog.SetAsync("key", "value");

        other.Cluster.Down(own.SelfAddress);

        await Eventually.Holds(() => host.Services.GetRequiredService<ClusterNodes>().For("catalog").HasEnded, "the node is out of the cluster");

        // An actor system that ends, and a host that Akka stops then, do so within a second or two.
        await Task.WhenAny(stopping.Task, system.WhenTerminated, Task.Delay(TimeSpan.FromSeconds(5)));
        Assert.False(stopping.Task.IsCompleted, "the host ends");
        Assert.False(system.WhenTerminated.IsCompleted, "the actor system ends");
        Assert.Equal("value", (await catalog.TryGetAsync<string>("key")).Value);
        Assert.Equal("made", await catalog.GetOrCreateAsync("cold", _ => new ValueTask<string>("made")));
        Assert.True((await catalog.SetAsync("key", "newer")).Accepted);
        var agent = host.Services.GetRequiredService<IRequiredActor<RegenCacheKey>>().ActorRef;
        Assert.False(await agent.Ask<ActorIdentity>(new Identify(1)).WaitAsync(Eventually.Patience) is { Subject: null }, "the agent has ended");
        Assert.Single(
            log.At(LogLevel.Warning),
            line => line.Contains("was downed", StringComparison.Ordinal) && line.Contains("Restart", StringComparison.Ordinal));
        await host.StopAsync().WaitAsync(Eventually.Patience);
    }

    [Theory]
    [InlineData(false, "akka.cluster.sharding.distributed-data.durable.keys = [\"shard-*\"]", 0)]
    [InlineData(true, "akka.cluster.sharding.distributed-data.durable.keys = [\"shard-*\"]", 1)]
    [InlineData(false, "akka.cluster.sharding.distributed-data.durable.keys = [\"mine-*\"]", 1)]
    [InlineData(false, "", 0)]
    public void Sharding_stays_in_memory_unless_somebody_needs_it_on_the_disk(bool durable, string before, int keys)
    {
        var builder = new AkkaConfigurationBuilder(new ServiceCollection(), "farm");
        builder.AddHocon(before, HoconAddMode.Append).WithRegenCache("catalog", o => o.DurableSharding = durable);
        Assert.Equal(keys, builder.Configuration.Value.GetStringList("akka.cluster.sharding.distributed-data.durable.keys").Count);
    }

    [Theory]
    [InlineData(false, "4 s")]
    [InlineData(true, "100 ms")]
    public void Fast_failover_gives_a_downed_node_time_where_no_external_store_arbitrates(bool external, string margin)
    {
        var config = RegenClusterConfig.FastFailover(external);
        Assert.Equal(margin, config.GetString("akka.cluster.down-removal-margin"));
        Assert.Equal(TimeSpan.FromMilliseconds(200), config.GetTimeSpan("akka.regencache.sharding.retry-interval"));
        Assert.Equal(TimeSpan.FromMilliseconds(500), config.GetTimeSpan("akka.cluster.failure-detector.heartbeat-interval"));
    }

    [Fact]
    public void Fast_failover_does_not_down_the_whole_farm_over_a_node_that_takes_a_while_to_settle()
    {
        var splitBrain = RegenClusterConfig.FastFailover(externalStore: true).GetConfig("akka.cluster.split-brain-resolver");
        Assert.True(splitBrain.GetTimeSpan("down-all-when-unstable") >= 4 * splitBrain.GetTimeSpan("stable-after"));
    }

    [Fact]
    public async Task A_cache_that_the_actor_system_does_not_know_ends_the_host_s_start_with_the_line_to_add()
    {
        using var host = NewHost(services => services.AddRegenCache("catalog").UseCluster(), _ => { });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("Cache 'catalog'", error.Message, StringComparison.Ordinal);
        Assert.Contains(".WithRegenCache(\"catalog\")", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_differs_between_the_two_registrations_ends_the_host_s_start_and_both_names_are_told()
    {
        using var host = NewHost(services => services.AddRegenCache("catalog").UseCluster(), akka => akka.WithRegenCache("catalogue"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("'catalog' uses the cluster, but the actor system doesn't know it (but 'catalogue')", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_actor_system_that_serves_one_cache_too_many_ends_the_host_s_start_with_the_line_to_add()
    {
        using var host = NewHost(
            services =>
            {
                services.AddRegenCache("catalog").UseCluster();
                services.AddRegenCache("local");
            },
            akka => akka.WithRegenCache("catalog").WithRegenCache("local"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("services.AddRegenCache(\"local\").UseCluster();", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_in_the_cluster_without_an_actor_system_ends_the_host_s_start_with_the_line_to_add()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddRegenCache("catalog").UseCluster();
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("Cache 'catalog'", error.Message, StringComparison.Ordinal);
        Assert.Contains("services.AddAkka(", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_actor_system_without_a_cluster_ends_the_host_s_start_with_the_line_to_add()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddRegenCache("catalog").UseCluster();
        builder.Services.AddAkka("farm", akka => akka
            .AddHocon("akka { loglevel = ERROR, stdout-loglevel = OFF }", HoconAddMode.Prepend)
            .WithRegenCache("catalog"));
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync().WaitAsync(Eventually.Patience));
        Assert.Contains("Cache 'catalog'", error.Message, StringComparison.Ordinal);
        Assert.Contains(".WithClustering(", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plain_actor_system_without_a_cluster_is_refused_and_the_setting_is_named()
    {
        using var system = ActorSystem.Create("alone", "akka { loglevel = OFF, stdout-loglevel = OFF }");
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => system.StartRegenCacheAsync("catalog").WaitAsync(Eventually.Patience));
        Assert.Contains("akka.actor.provider = cluster", error.Message, StringComparison.Ordinal);
        await system.Terminate();
    }

    [Fact]
    public async Task An_actor_system_that_serves_a_cache_which_is_not_registered_does_not_start_and_says_what_to_do()
    {
        using var host = NewHost(_ => { }, akka => akka.WithRegenCache("catalog"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("AddRegenCache(\"catalog\").UseCluster()", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5000, 5)]
    [InlineData(64, 0)]
    public void Options_that_are_not_usable_are_refused_by_name(int shards, int keepAliveSeconds)
    {
        var builder = new AkkaConfigurationBuilder(new ServiceCollection(), "farm");
        var error = Assert.Throws<ArgumentException>(() => builder.WithRegenCache("catalog", o =>
        {
            o.Shards = shards;
            o.KeepAliveInterval = TimeSpan.FromSeconds(keepAliveSeconds);
        }));
        Assert.Contains("catalog", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_without_the_role_use_the_cache_and_host_no_shard()
    {
        await using var front = new TestNode("akka.cluster.roles = [front]");
        await using var store = new TestNode("akka.cluster.roles = [store]");
        front.Cluster.Join(front.Cluster.SelfAddress);
        store.Cluster.Join(front.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([front, store]);
        var guest = await front.StartAsync("roles", configure: o => o.Role = "store");
        var host = await store.StartAsync("roles", configure: o => o.Role = "store");
        await TestCluster.ConnectedAsync([guest, host]);

        await guest.Cache.SetAsync("key", "value");
        Assert.Equal("value", await host.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
        Assert.Equal(host.Node.Shards, Homes.Local(host).Count);
    }

    private static IHost NewHost(Action<IServiceCollection> register, Action<AkkaConfigurationBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        register(builder.Services);
        builder.Services.AddAkka("farm", (akka, _) =>
        {
            akka.AddHocon("akka { loglevel = ERROR, stdout-loglevel = OFF, cluster.log-info = off }", HoconAddMode.Prepend)
                .WithRemoting(new RemoteOptions { HostName = "127.0.0.1", PublicHostName = "127.0.0.1", Port = 0 })
                .WithClustering()
                .AddStartup((system, _) =>
                {
                    var cluster = Akka.Cluster.Cluster.Get(system);
                    cluster.Join(cluster.SelfAddress);
                });
            configure(akka);
        });
        return builder.Build();
    }

    private sealed class PricesKey;
}
