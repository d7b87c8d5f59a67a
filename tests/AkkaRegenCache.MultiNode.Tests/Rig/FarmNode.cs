using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Remote;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Notifications;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>A node: an actor system of its own, with remoting of its own and a cache on it.</summary>
internal sealed class FarmNode : IAsyncDisposable
{
    public const string CacheName = "spec";

    /// <summary>Enough that each node has some, few enough that all are balanced at once.</summary>
    public const int Shards = 8;

    private const int Callers = 10;
    private static readonly RegenEntryOptions s_often = new() { RegenerationInterval = TimeSpan.FromSeconds(5) };

    private readonly SeverableStore? _external;
    private int _runs;

    public FarmNode(string name, IExternalStore? external, FarmSettings settings)
    {
        Name = name;
        System = ActorSystem.Create("farm", FarmConfig.Of(settings.DownAfter));
        Cluster = Akka.Cluster.Cluster.Get(System);
        Address = Cluster.SelfAddress;
        Mailbox = new Mailbox(System);
        _external = external is null ? null : new SeverableStore(external);
        Place = new ClusterNode(
            CacheName,
            new RegenClusterOptions { Shards = Shards, HandleTerminationSignal = false, KeepAliveInterval = TimeSpan.FromMilliseconds(500) });
        Cache = new RegenCache(
            CacheName, settings.Options, Place.Before(_external), settings.IsDeaf ? new SilentBus() : Place, Place, [], null, null, null);
        Place.FindCache = () => Cache;
    }

    public string Name { get; }

    public ActorSystem System { get; }

    public Akka.Cluster.Cluster Cluster { get; }

    public Address Address { get; }

    public RemoteTransport Transport => ((RemoteActorRefProvider)((ExtendedActorSystem)System).Provider).Transport;

    public Mailbox Mailbox { get; }

    public RegenCache Cache { get; }

    /// <summary>How often a generator has begun on this node.</summary>
    public int Runs => Volatile.Read(ref _runs);

    /// <summary>It has left or crashed.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>The cache's place in the cluster.</summary>
    public ClusterNode Place { get; }

    /// <summary>The store that arbitrates, without the cache's memory.</summary>
    public IExternalStore Store => _external ?? (IExternalStore)new ClusterStore(Place);

    public Task StartCacheAsync() => ClusterStart.StartAsync(System, Place, null, Cache.DrainAsync, hasHost: true);

    /// <summary>Asks for a key, so many callers at once; each run is counted.</summary>
    public Answers Ask(string key, Func<CancellationToken, Task<string>> generate, RegenEntryOptions? options = null) =>
        new(this, [.. Enumerable.Range(0, Callers).Select(_ => Cache.GetOrCreateAsync(
            key,
            async cancellationToken =>
            {
                Interlocked.Increment(ref _runs);
                return await generate(cancellationToken);
            },
            options).AsTask())]);

    public Answers Ask(string key, string value) => Ask(key, _ => Task.FromResult(value));

    /// <summary>
    /// Asks for a key that is often made again. A value that was made without the store is replaced when the next one is due, not before: where nodes
    /// must come to agree, that is soon.
    /// </summary>
    public Answers AskOften(string key, string value) => Ask(key, _ => Task.FromResult(value), s_often);

    /// <summary>A key in memory is answered at once, on the caller's thread.</summary>
    public void AssertWarm(string key, string value)
    {
        var answer = Cache.GetOrCreateAsync(key, _ => new ValueTask<string>("made again")).AsTask();
        Assert.True(answer.IsCompletedSuccessfully, $"{Name} lets callers of the warm key '{key}' wait.");
        Assert.Equal($"{Name} says {value}", $"{Name} says {answer.Result}");
    }

    /// <summary>What this node shows of a key, for messages of failed assertions too.</summary>
    public async Task<string> ShownAsync(string key)
    {
        var found = await Cache.TryGetAsync<string>(key).AsTask().WaitAsync(Eventually.Deadline);
        return $"{Name} shows {(found.Found ? found.Value : "nothing")}";
    }

    /// <summary>What the store has of a key, as this node reads it without the cache's memory.</summary>
    public async Task<string> StoredAsync(string key)
    {
        await using var reader = new RegenCache(CacheName, FarmSettings.Patient, Store);
        var found = await reader.TryGetAsync<string>(key).AsTask().WaitAsync(Eventually.Deadline);
        return $"{Name} reads {(found.Found ? found.Value : "nothing")}";
    }

    /// <summary>The shards that live here.</summary>
    public async Task<IReadOnlySet<int>> ShardsHereAsync()
    {
        var state = await Place.Handle!.Region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, TimeSpan.FromSeconds(5));
        return state.Shards.Select(shard => int.Parse(shard.ShardId, CultureInfo.InvariantCulture)).ToHashSet();
    }

    /// <summary>Whether a shard answers this node, wherever it lives.</summary>
    public async Task AssertAnswersAsync(int shard)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await new ClusterStore(Place).CheckAsync([Keys.InShard(Place, shard)], patience.Token);
    }

    /// <summary>Leaves as a program does that is told to end.</summary>
    public async Task LeaveAsync()
    {
        HasEnded = true;
        await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(Eventually.Deadline);
    }

    /// <summary>Ends as a process does that is killed: its connections break, it reaches nothing any more, and it says goodbye to nobody.</summary>
    public async Task CrashAsync()
    {
        HasEnded = true;
        _external?.Cut();
        await Transport.Shutdown().WaitAsync(Eventually.Deadline);
        _ = System.Terminate();
    }

    public async ValueTask DisposeAsync()
    {
        _ = System.Terminate();
        await Cache.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);
        await System.WhenTerminated.WaitAsync(Eventually.Deadline);
    }
}
