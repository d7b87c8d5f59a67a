using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Awaiting;

/// <summary>The code of docs/guide/correlated-awaiting.md, in one process, on Redis and in a cluster.</summary>
[Trait("Row", "D21")]
public sealed class GuideTests
{
    public enum Carrier
    {
        None,
        Redis,
        Cluster,
    }

    [Fact]
    public void The_page_has_the_code_that_is_tested_here()
    {
        var page = Lines(File.ReadAllText(Path.Combine(Folder(), "../../../docs/guide/correlated-awaiting.md")));
        var code = Lines(File.ReadAllText(Path.Combine(Folder(), "GuideTests.cs")));
        var blocks = page.Split("```csharp\n").Skip(1).Select(block => block.Split("```")[0]).ToList();

        Assert.Equal(2, blocks.Count);
        foreach (var line in blocks[0].Split('\n').Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal)))
            Assert.Contains(line, code, StringComparison.Ordinal);
        Assert.Contains(blocks[1], code, StringComparison.Ordinal);

        // However deep it is indented here and there.
        static string Lines(string text) =>
            string.Join('\n', text.Replace("\r", "", StringComparison.Ordinal).Split('\n').Select(line => line.Trim()));
    }

    [Theory]
    [InlineData(Carrier.None)]
    [InlineData(Carrier.Redis)]
    [InlineData(Carrier.Cluster)]
    public async Task Who_waits_is_told_and_who_missed_the_message_finds_it_by_asking_again(Carrier carrier)
    {
        if (carrier == Carrier.Redis && RedisServer.WhyMissing is not null)
            return;
        await using var redis = carrier == Carrier.Redis ? await RedisServer.StartNewAsync() : null;
        var kept = new Orders();
        using var here = await StartAsync(carrier, redis, kept);
        using var other = carrier == Carrier.None ? null : await StartAsync(carrier, redis, kept);
        var there = other ?? here;
        if (carrier == Carrier.Cluster)
            await JoinAsync(here, there);
        using var patience = new CancellationTokenSource(Eventually.Patience);
        var desk = here.Services.GetRequiredService<OrderDesk>();
        var awaiters = here.Services.GetRequiredService<CorrelatedAwaitManager<OrderPacked, string>>();

        var waiting = desk.WaitAsync("1", patience.Token);
        await Eventually.Holds(() => awaiters.AwaiterCount == 1, "it waits");
        await there.Services.GetRequiredService<OrderDesk>().PackedAsync(new OrderPacked("1", "parcel-1"));
        Assert.Equal("parcel-1", (await waiting).Parcel);

        var lost = desk.WaitAsync("2", patience.Token);
        await Eventually.Holds(() => awaiters.AwaiterCount == 1, "it waits");
        await kept.SavePackedAsync(new OrderPacked("2", "parcel-2"));
        Assert.Equal("parcel-2", (await lost).Parcel);

        using var gone = new CancellationTokenSource();
        var never = desk.WaitAsync("3", gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never);
        Assert.Equal(0, awaiters.AwaiterCount);

        await there.StopAsync();
        await here.StopAsync();
    }

    private static void Register(IServiceCollection services, Carrier carrier)
    {
        switch (carrier)
        {
            case Carrier.None:
                services.AddCorrelatedAwaiting<OrderPacked, string>("orders", packed => packed.OrderId);
                break;
            case Carrier.Redis:
                services.AddCorrelatedAwaiting<OrderPacked, string>("orders", packed => packed.OrderId).UseRedis("localhost:6379");
                break;
            default:
                services.AddCorrelatedAwaiting<OrderPacked, string>("orders", packed => packed.OrderId).UseCluster();
                services.AddAkka("shop", akka => akka
                    .WithRemoting("127.0.0.1", 0)
                    .WithClustering()
                    .WithCorrelatedAwaiting<OrderPacked, string>("orders"));
                break;
        }
    }

    private static async Task<IHost> StartAsync(Carrier carrier, RedisServer? redis, Orders kept)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        if (redis is null)
            Register(builder.Services, carrier);
        else
            builder.Services.AddCorrelatedAwaiting<OrderPacked, string>("orders", packed => packed.OrderId).UseRedis(redis.Configuration);
        builder.Services.AddSingleton<OrderDesk>();
        builder.Services.AddSingleton<IOrders>(kept);
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static async Task JoinAsync(params IHost[] hosts)
    {
        var clusters = hosts.Select(host => Akka.Cluster.Cluster.Get(host.Services.GetRequiredService<Akka.Actor.ActorSystem>())).ToList();
        foreach (var cluster in clusters)
            await cluster.JoinAsync(clusters[0].SelfAddress).WaitAsync(Eventually.Patience);
    }

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    public sealed record OrderPacked(string OrderId, string Parcel);

    public interface IOrders
    {
        Task<OrderPacked?> FindPackedAsync(string orderId);

        Task SavePackedAsync(OrderPacked packed);
    }

    public sealed class OrderDesk(CorrelatedAwaiting<OrderPacked, string> orders, IOrders kept)
    {
        private static readonly TimeSpan s_askAgainAfter = TimeSpan.FromSeconds(1);

        /// <summary>Waits until an order is packed; ends with the caller's patience, which its token is.</summary>
        public async Task<OrderPacked> WaitAsync(string orderId, CancellationToken patience)
        {
            while (true)
            {
                using var awaiter = orders.Register(orderId, patience);
                if (await kept.FindPackedAsync(orderId) is { } packed)
                    return packed;
                try
                {
                    return await awaiter.Task.WaitAsync(s_askAgainAfter, patience);
                }
                catch (TimeoutException)
                {
                    // The hint may have been lost: ask again.
                }
            }
        }

        /// <summary>On whichever node it happens: first what those who ask will find, then the hint.</summary>
        public async Task PackedAsync(OrderPacked packed)
        {
            await kept.SavePackedAsync(packed);
            await orders.PublishAsync(packed);
        }
    }

    private sealed class Orders : IOrders
    {
        private readonly ConcurrentDictionary<string, OrderPacked> _packed = new();

        public Task<OrderPacked?> FindPackedAsync(string orderId) => Task.FromResult(_packed.GetValueOrDefault(orderId));

        public Task SavePackedAsync(OrderPacked packed)
        {
            _packed[packed.OrderId] = packed;
            return Task.CompletedTask;
        }
    }
}
