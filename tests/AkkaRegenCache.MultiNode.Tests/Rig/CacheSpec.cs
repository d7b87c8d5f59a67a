using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Cluster.TestKit;
using Akka.Remote.TestKit;
using Akka.Remote.Transport;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>
/// A cache on each of three processes, and no store but the cluster. A spec's method runs in all of them; where they must be at the same point is a barrier,
/// which doesn't go over what is cut. What one of them knows and others need, it tells them by the cache itself.
/// </summary>
public abstract class CacheSpec : MultiNodeClusterSpec
{
    private const string Name = "spec";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private int _runs;

    protected CacheSpec(ThreeNodes nodes, Type type)
        : base(nodes, type) => Nodes = nodes;

    protected ThreeNodes Nodes { get; }

    protected RegenCache Cache { get; private set; } = null!;

    /// <summary>How often a generator has run in this process.</summary>
    protected int Runs => Volatile.Read(ref _runs);

    protected override int InitialParticipantsValueFactory => Roles.Count;

    private ClusterNode Place { get; set; } = null!;

    /// <summary>Forms the cluster, starts the cache everywhere, and waits until each node sees what each other one sets.</summary>
    /// <param name="isDeaf">Whether notifications are lost, all of them.</param>
    protected void Start(bool isDeaf = false)
    {
        RunOn(StartClusterNode, Nodes.First);
        EnterBarrier("first-started");
        RunOn(() => Cluster.Join(GetAddress(Nodes.First)), Nodes.Second, Nodes.Third);
        AwaitMembersUp(Roles.Count);
        EnterBarrier("up");

        Place = new ClusterNode(
            Name, new RegenClusterOptions { Shards = 8, HandleTerminationSignal = false, KeepAliveInterval = TimeSpan.FromMilliseconds(500) });
        Cache = new RegenCache(Name, null, Place.Before(null), isDeaf ? new SilentBus() : Place, Place, [], null, null, null);
        Wait(ClusterStart.StartAsync(Sys, Place, null, Cache.DrainAsync, hasHost: true));
        EnterBarrier("started");
        foreach (var role in Roles)
            Tell("hello from " + role.Name, "hello", role);
    }

    /// <summary>One process tells all others something, and all wait until they know it.</summary>
    protected string Tell(string key, string? value, RoleName from)
    {
        ArgumentNullException.ThrowIfNull(from);
        RunOn(() => AwaitAssert(() => Assert.False(Wait(Cache.SetAsync(key, value!)).IsPending), s_patience), from);
        var heard = "";
        AwaitAssert(
            () =>
            {
                var found = Wait(Cache.TryGetAsync<string>(key));
                Assert.True(found.Found);
                heard = found.Value!;
            },
            s_patience);
        EnterBarrier("told " + key);
        return heard;
    }

    /// <summary>A key whose shard lives on a node's process, the same for all.</summary>
    protected string KeyAt(RoleName home)
    {
        string? key = null;
        RunOn(
            () => AwaitAssert(
                () =>
                {
                    var region = ClusterSharding.Get(Sys).ShardRegion(ClusterNames.Region(Name));
                    var state = Wait(region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, s_patience));
                    var here = state.Shards.Select(shard => int.Parse(shard.ShardId, CultureInfo.InvariantCulture)).ToHashSet();
                    key = Enumerable.Range(1, 1000).Select(i => $"key{i}").FirstOrDefault(each => here.Contains(Place.ShardOf(each)));
                    Assert.NotNull(key);
                },
                s_patience),
            home);
        return Tell("a key at " + home.Name, key, home);
    }

    /// <summary>How often generators have run in all processes.</summary>
    protected int RunsOfAll(string when) => Roles.Sum(role => int.Parse(
        Tell($"runs of {role.Name} {when}", Runs.ToString(CultureInfo.InvariantCulture), role), CultureInfo.InvariantCulture));

    /// <summary>Asks for a key, so many callers at once; each run is counted.</summary>
    protected IReadOnlyList<Task<string>> Ask(string key, Func<CancellationToken, Task<string>> generate, int callers = 10) =>
        [.. Enumerable.Range(0, callers).Select(_ => Cache.GetOrCreateAsync(key, async cancellationToken =>
        {
            Interlocked.Increment(ref _runs);
            return await generate(cancellationToken);
        }).AsTask())];

    protected static void AllAre(string value, IReadOnlyList<Task<string>> answers) => Assert.All(Wait(Task.WhenAll(answers)), each => Assert.Equal(value, each));

    protected void Shows(string key, string value) =>
        AwaitAssert(() => Assert.Equal(value, Wait(Cache.TryGetAsync<string>(key)).Value), s_patience);

    /// <summary>Nothing goes between a process and the others, in either direction.</summary>
    protected void CutOff(RoleName role) => RunOn(
        () =>
        {
            foreach (var other in Roles.Where(other => other != role))
                Wait(TestConductor.Blackhole(role, other, ThrottleTransportAdapter.Direction.Both));
        },
        Nodes.First);

    protected void Heal(RoleName role) => RunOn(
        () =>
        {
            foreach (var other in Roles.Where(other => other != role))
                Wait(TestConductor.PassThrough(role, other, ThrottleTransportAdapter.Direction.Both));
        },
        Nodes.First);

    protected static void Wait(Task task) => task.WaitAsync(s_patience).GetAwaiter().GetResult();

    protected static T Wait<T>(Task<T> task) => task.WaitAsync(s_patience).GetAwaiter().GetResult();

    protected static T Wait<T>(ValueTask<T> task) => Wait(task.AsTask());

    private sealed class SilentBus : INotificationBus, IDisposable
    {
        public ValueTask PublishAsync(string cacheName, CacheNotification notification) => ValueTask.CompletedTask;

        public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) => this;

        public void Dispose()
        {
        }
    }
}
