using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Stores;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

/// <summary>
/// The contract of every store, for the one that is in the cluster: through the actors of the node and the shard's entity, on a clock that is moved. One shard,
/// since batches are of one partition of a store only.
/// </summary>
public sealed class ClusterStoreContractTests(LoneNode lone) : ExternalStoreContract, IClassFixture<LoneNode>, IAsyncLifetime
{
    private static int s_names;

    private readonly VirtualTimeProvider _time = new();
    private NamedStores? _store;

    protected override IExternalStore Store => _store!;

    public async Task InitializeAsync()
    {
        var prefix = $"contract{Interlocked.Increment(ref s_names)}-";
        _store = new NamedStores(name => lone.StartAsync(prefix + name, _time).GetAwaiter().GetResult());
        await _store.CheckAsync(["key"]);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    protected override Task AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }
}

/// <summary>A cluster of one node.</summary>
public sealed class LoneNode : IAsyncLifetime, IAsyncDisposable
{
    private readonly TestNode _node = new();

    public async Task InitializeAsync()
    {
        _node.Cluster.Join(_node.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([_node]);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    internal async Task<IExternalStore> StartAsync(string name, TimeProvider shardTime)
    {
        var cache = await _node.StartAsync(name, configure: options =>
        {
            options.Shards = 1;
            options.ShardTime = shardTime;
        });
        await TestCluster.ConnectedAsync([cache]);
        return cache.Store.ForCache(name);
    }
}
