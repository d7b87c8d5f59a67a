using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>Nodes of one farm that are not in one cluster: all they share is a Redis.</summary>
public sealed class MixedFarmTests
{
    private const int Shards = 8;

    private static readonly RegenEntryOptions s_hourly = new() { RegenerationInterval = TimeSpan.FromHours(1) };

    [MixedFarmFact]
    public async Task A_worker_on_Redis_alone_and_the_nodes_of_two_clusters_hear_each_other_s_sets()
    {
        await using var redis = await RedisServer.StartNewAsync();
        using var worker = NewHost(redis, isInCluster: false);
        using var blue = NewHost(redis, isInCluster: true);
        using var green = NewHost(redis, isInCluster: true);
        IHost[] hosts = [worker, blue, green];
        foreach (var host in hosts)
            await host.StartAsync();
        var caches = Array.ConvertAll(hosts, host => host.Services.GetRequiredService<IRegenCache>());

        // An idle node asks for its first key every two seconds, to see whether the store is there: that would find a change of this key, too.
        foreach (var cache in caches)
            await cache.GetOrCreateAsync("first", _ => new ValueTask<int>(0), s_hourly);
        foreach (var cache in caches)
            Assert.Equal(0, await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(0), s_hourly));

        // A node that becomes a member, and a publisher that is heard for the first time, make nodes compare: that must be over, or it would find what
        // nobody has told. Only a minute later would they compare again.
        foreach (var host in hosts[1..])
        {
            var node = host.Services.GetRequiredService<ClusterNodes>().For("catalog");
            var store = new ClusterStore(node);
            for (var shard = 0; shard < Shards; shard++)
                await Eventually.Holds(() => TestCluster.AnswersAsync(store, TestCluster.KeyOf(node, shard)), $"shard {shard} answers");
        }

        for (var round = 1; round <= 6; round++)
        {
            Assert.False((await caches[round % 3].SetAsync("key", round, s_hourly)).IsPending);
            foreach (var cache in caches)
                await Eventually.Holds(async () => (await cache.TryGetAsync<int>("key")).Value == round, $"all nodes show the value of round {round}");
        }

        foreach (var host in hosts)
            await host.StopAsync();
    }

    private static IHost NewHost(RedisServer redis, bool isInCluster)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        var cache = builder.Services.AddRegenCache("catalog").UseRedis(redis.Configuration);
        if (isInCluster)
        {
            cache.UseCluster();
            builder.Services.AddAkka("farm", (akka, _) => akka
                .AddHocon("akka { loglevel = ERROR, stdout-loglevel = OFF, cluster.log-info = off }", HoconAddMode.Prepend)
                .WithRemoting(new RemoteOptions { HostName = "127.0.0.1", PublicHostName = "127.0.0.1", Port = 0 })
                .WithClustering()
                .AddStartup((system, _) =>
                {
                    var cluster = Akka.Cluster.Cluster.Get(system);
                    cluster.Join(cluster.SelfAddress);
                })
                .WithRegenCache("catalog", o => o.Shards = Shards));
        }

        return builder.Build();
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class MixedFarmFactAttribute : FactAttribute
    {
        public MixedFarmFactAttribute() => Skip = RedisServer.WhyMissing;
    }
}
