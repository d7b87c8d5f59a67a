using Akka.Cluster;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>Several actor systems in this process that are one cluster.</summary>
public class TestCluster : IAsyncLifetime, IAsyncDisposable
{
    private readonly List<TestNode> _nodes = [];
    private readonly int _count;

    public TestCluster()
        : this(3)
    {
    }

    private TestCluster(int count) => _count = count;

    internal IReadOnlyList<TestNode> Nodes => _nodes;

    public static async Task<TestCluster> StartNewAsync(int count = 3)
    {
        var cluster = new TestCluster(count);
        await cluster.InitializeAsync();
        return cluster;
    }

    public async Task InitializeAsync()
    {
        for (var i = 0; i < _count; i++)
            await AddAsync();
    }

    /// <summary>Adds a node, and waits until all know it.</summary>
    internal async Task<TestNode> AddAsync()
    {
        var node = new TestNode();
        _nodes.Add(node);
        node.Cluster.Join(_nodes[0].Cluster.SelfAddress);
        await AllUpAsync(_nodes);
        return node;
    }

    internal static Task AllUpAsync(IReadOnlyCollection<TestNode> nodes) => Eventually.Holds(
        () => nodes.All(node => node.Cluster.State.Members.Count(m => m.Status == MemberStatus.Up) == nodes.Count),
        $"all {nodes.Count} nodes know each other");

    /// <summary>Starts a cache on all nodes, and waits until they hear each other and all shards have a home.</summary>
    internal async Task<TestCache[]> StartAsync(
        string name, IExternalStore? store = null, Action<RegenClusterOptions>? configure = null, RegenCacheOptions? options = null)
    {
        var caches = new TestCache[_nodes.Count];
        for (var i = 0; i < caches.Length; i++)
            caches[i] = await _nodes[i].StartAsync(name, store, configure, options);
        await ConnectedAsync(caches);
        return caches;
    }

    /// <summary>Waits until each node hears each other one, and each shard answers each node.</summary>
    internal static async Task ConnectedAsync(IReadOnlyList<TestCache> caches)
    {
        await Eventually.Holds(() => caches.All(c => c.Node.IsUp && c.Node.Handle is not null), "all nodes are members");
        foreach (var from in caches)
        {
            var hearing = new System.Collections.Concurrent.ConcurrentDictionary<int, bool>();
            var subscriptions = caches.Select((to, i) => to.Node.Subscribe(to.Node.CacheName, n => _ = n.Key == "probe:" + from.Cache.NodeId && hearing.TryAdd(i, true))).ToList();
            await Eventually.Holds(
                async () =>
                {
                    await from.Node.PublishAsync(from.Node.CacheName, Probe(from.Cache.NodeId));
                    return hearing.Count == caches.Count;
                },
                "all nodes hear each other");
            subscriptions.ForEach(s => s.Dispose());
            var store = new ClusterStore(from.Node);
            for (var shard = 0; shard < from.Node.Shards; shard++)
            {
                var key = KeyOf(from.Node, shard);
                await Eventually.Holds(() => AnswersAsync(store, key), $"shard {shard} answers");
            }
        }
    }

    /// <summary>A key of a shard.</summary>
    internal static string KeyOf(ClusterNode node, int shard, string prefix = "key") =>
        Enumerable.Range(0, int.MaxValue).Select(i => $"{prefix}{i}").First(key => node.ShardOf(key) == shard);

    internal static async Task<bool> AnswersAsync(IExternalStore store, string key)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
            await store.CheckAsync([key], patience.Token);
            return true;
        }
        catch (Exception e) when (e is OperationCanceledException or StoreRefusedException or InvalidOperationException)
        {
            return false;
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    private static Notifications.CacheNotification Probe(string nodeId) => new()
    {
        Publisher = "probe",
        Kind = Notifications.NotificationKind.Released,
        Epoch = "",
        Key = "probe:" + nodeId,
        Token = 1,
    };
}
