using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
using Akka.Remote;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>An actor system of a test's cluster.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly List<RegenCache> _caches = [];

    public TestNode(Akka.Configuration.Config? config = null, Akka.Actor.Setup.Setup? setup = null)
    {
        var bootstrap = BootstrapSetup.Create().WithConfig((config ?? Akka.Configuration.Config.Empty).WithFallback(TestConfig.Node));
        System = ActorSystem.Create("farm", setup is null ? ActorSystemSetup.Create(bootstrap) : ActorSystemSetup.Create(bootstrap, setup));
        Cluster = Akka.Cluster.Cluster.Get(System);
    }

    public ActorSystem System { get; }

    public Akka.Cluster.Cluster Cluster { get; }

    /// <summary>Starts a cache here, as the library does for a program without a container.</summary>
    public async Task<TestCache> StartAsync(
        string name,
        IExternalStore? store = null,
        Action<RegenClusterOptions>? configure = null,
        RegenCacheOptions? options = null,
        Func<ClusterNode, INotificationBus>? bus = null,
        ILogger<RegenCache>? logger = null,
        TimeProvider? time = null,
        IEnumerable<KeyspaceRegistration>? keyspaces = null,
        IServiceProvider? services = null)
    {
        var clusterOptions = new RegenClusterOptions { HandleTerminationSignal = false, KeepAliveInterval = TimeSpan.FromMilliseconds(500), Shards = 8 };
        configure?.Invoke(clusterOptions);
        var node = new ClusterNode(name, clusterOptions, time);
        var front = node.Before(store);
        var cache = new RegenCache(name, options, front, bus?.Invoke(node) ?? node, node, keyspaces ?? [], services, time, logger);
        node.FindCache = () => cache;
        _caches.Add(cache);
        await ClusterStart.StartAsync(System, node, null, cache.DrainAsync, hasHost: true);
        return new TestCache(this, cache, node, front);
    }

    /// <summary>Leaves as a program does that is told to end.</summary>
    public async Task LeaveAsync() =>
        await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>As a process that is killed looks to the others: its connections break, and it says nothing more.</summary>
    public async Task AbortAsync()
    {
        await ((RemoteActorRefProvider)((ExtendedActorSystem)System).Provider).Transport.Shutdown().WaitAsync(TimeSpan.FromSeconds(30));
        _ = System.Terminate();
    }

    public async ValueTask DisposeAsync()
    {
        _ = System.Terminate();
        foreach (var cache in _caches)
            await cache.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        await System.WhenTerminated.WaitAsync(TimeSpan.FromSeconds(30));
    }
}

/// <summary>A cache on a node.</summary>
internal sealed record TestCache(TestNode On, RegenCache Cache, ClusterNode Node, IExternalStore Store);
