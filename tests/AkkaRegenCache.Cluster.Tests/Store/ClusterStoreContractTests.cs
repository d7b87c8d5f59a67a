using System.Collections.Concurrent;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Simulation;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

/// <summary>
/// The contract of every store, for the one that is in the cluster: through the actors of the node and the shard's entity, on a clock that is moved. One shard,
/// since batches are of one part of a store only.
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

    /// <summary>In a cluster, a cache of another name is another region; the registration sees to that.</summary>
    private sealed class NamedStores(Func<string, IExternalStore> start) : IExternalStore
    {
        private readonly ConcurrentDictionary<string, IExternalStore> _stores = new();

        public bool StoresObjects => Main.StoresObjects;

        private IExternalStore Main => ForCache("main");

        public IExternalStore ForCache(string cacheName) => _stores.GetOrAdd(cacheName, start);

        public ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default) => Main.ReadAsync(request, cancellationToken);

        public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
            Main.ClaimAsync(request, cancellationToken);

        public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
            Main.RenewAsync(claims, lease, cancellationToken);

        public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
            Main.CommitAsync(request, cancellationToken);

        public bool AnnouncesOn(INotificationBus bus) => Main.AnnouncesOn(bus);

        public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
            Main.ReleaseAsync(request, cancellationToken);

        public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
            Main.WriteAsync(request, cancellationToken);

        public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
            Main.InvalidateAsync(request, cancellationToken);

        public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
            Main.TouchAsync(activities, cancellationToken);

        public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
            Main.CheckAsync(keys, cancellationToken);
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
