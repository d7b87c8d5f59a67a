using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>What makes a web node one of an Akka cluster: its actor system, the cache's place in it, and the controller that asks the cache's agent.</summary>
internal static class Shop
{
    /// <summary>The cache's name, the same on every node.</summary>
    public const string Cache = "catalog";

    /// <summary>The actor system's name, the same on every node.</summary>
    public const string System = "shop";

    // That connections break is what the demo shows, and what members tell each other of it is in MemberNews.
    private const string Quiet =
        """
        akka {
          stdout-loglevel = OFF
          log-dead-letters = off
          # A killed node ends at once; all others are told to leave.
          coordinated-shutdown { run-by-clr-shutdown-hook = off, run-by-actor-system-terminate = off }
          remote.log-remote-lifecycle-events = off
        }
        """;

    /// <summary>Completes a node's registration. Which cluster it joins is told it when it has started.</summary>
    /// <param name="cache">The cache's registration.</param>
    /// <param name="hasExternalStore">Whether values are in Redis; else the cluster stores them.</param>
    public static void AddTo(RegenCacheBuilder cache, bool hasExternalStore)
    {
        IServiceCollection services = cache.Services;
        services.AddControllers().AddApplicationPart(typeof(ProductsController).Assembly);
        cache
            .AddKeyspace<Product?>("products", async (provider, id, ct) => await provider.GetRequiredService<IProductSource>().LoadAsync(id, ct))
            .UseCluster();
        services.AddCorrelatedAwaiting<OrderPacked, string>(OrderBook.Topic, packed => packed.Id).UseCluster();
        services.AddSingleton<OrderBook>();
        services.AddAkka(System, akka => akka
            .ConfigureLoggers(loggers =>
            {
                loggers.ClearLoggers();
                loggers.AddLoggerFactory();
                loggers.LogLevel = Akka.Event.LogLevel.WarningLevel;
            })
            .AddHocon(Quiet, HoconAddMode.Prepend)
            .WithRemoting("127.0.0.1", 0)
            .WithClustering()
            .WithRegenCache(Cache, options => options.UseFastFailover(hasExternalStore))
            .WithCorrelatedAwaiting<OrderPacked, string>(OrderBook.Topic));
    }

    /// <summary>Joins a cluster, or begins one.</summary>
    /// <param name="services">The started node's.</param>
    /// <param name="seed">The address of a member; null: it begins one.</param>
    /// <returns>A task that ends when it is a member; with nodes that can't be reached, that takes until they are removed.</returns>
    public static Task JoinAsync(IServiceProvider services, string? seed)
    {
        var cluster = Akka.Cluster.Cluster.Get(services.GetRequiredService<ActorSystem>());
        return cluster.JoinAsync(seed is null ? cluster.SelfAddress : Address.Parse(seed));
    }
}
