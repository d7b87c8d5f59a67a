using System.Globalization;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>Redis in other forms than one server: TLS with certificates on both sides, a primary under Sentinel, a cluster of three masters.</summary>
public sealed class TopologyTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private static readonly RegenEntryOptions s_long = new() { RegenerationInterval = TimeSpan.FromMinutes(10) };

    [RedisFact]
    public async Task Over_tls_a_farm_works_and_a_node_without_a_certificate_stays_out_and_says_why()
    {
        using var certificates = new Certificates();
        var port = RedisServer.FreePort();
        await using var server = await RedisServer.StartNewAsync(
            persistent: false,
            "--tls-port", port.ToString(CultureInfo.InvariantCulture), "--tls-cert-file", certificates.Certificate("server"), "--tls-key-file", certificates.Key("server"),
            "--tls-ca-cert-file", certificates.Authority, "--tls-auth-clients", "yes");
        await using var one = new Node(_ => ConnectAsync(hasCertificate: true));
        await using var two = new Node(_ => ConnectAsync(hasCertificate: true));
        await AssertIsFarmAsync(one.Cache, two.Cache);

        await using var stranger = new Node(_ => ConnectAsync(hasCertificate: false));
        Assert.True((await stranger.Cache.SetAsync("key", "mine", s_long)).IsPending);
        Assert.NotEqual("mine", (await one.Cache.TryGetAsync<string>("key")).Value);

        async Task<IConnectionMultiplexer> ConnectAsync(bool hasCertificate)
        {
            var options = new ConfigurationOptions { EndPoints = { { "127.0.0.1", port } }, Ssl = true, SslHost = "localhost", AbortOnConnectFail = false };
            options.TrustIssuer(certificates.Authority);
            if (hasCertificate)
                options.SetUserPemCertificate(certificates.Certificate("client"), certificates.Key("client"));
            return await ConnectionMultiplexer.ConnectAsync(options);
        }
    }

    [RedisFact]
    public async Task When_sentinel_fails_over_the_farm_goes_on_with_the_new_primary()
    {
        await using var primary = await RedisServer.StartNewAsync();
        await using var replica = await RedisServer.StartNewAsync(
            persistent: false, "--replicaof", "127.0.0.1", primary.Port.ToString(CultureInfo.InvariantCulture));
        await Eventually.Holds(async () => (await InfoAsync(replica)).Contains("master_link_status:up", StringComparison.Ordinal), "the replica follows");
        await using var sentinel = await RedisServer.StartSentinelAsync(primary.Port);
        var configuration = $"127.0.0.1:{sentinel.Port},serviceName=primary,abortConnect=false";
        await using var one = new Node(configuration);
        await using var two = new Node(configuration);
        await AssertIsFarmAsync(one.Cache, two.Cache);
        await one.Cache.SetAsync("kept", "before", s_long);
        await Eventually.Holds(async () => (await InfoAsync(replica)).Contains("connected_slaves", StringComparison.Ordinal), "the replica answers");

        await primary.KillAsync();
        Assert.Equal("before", (await one.Cache.TryGetAsync<string>("kept")).Value);
        await Eventually.Holds(async () => (await InfoAsync(replica)).Contains("role:master", StringComparison.Ordinal), "the replica is the primary", s_patience);

        // Once the clients have found it, changes get there and are seen.
        await Eventually.Holds(async () => !(await one.Cache.SetAsync("after", "set", s_long)).IsPending, "a change gets there", s_patience);
        await Eventually.Holds(async () => (await two.Cache.TryGetAsync<string>("after")).Value == "set", "the other node sees it", s_patience);
        await Eventually.Holds(
            async () =>
            {
                await AssertIsFarmAsync(one.Cache, two.Cache, Guid.NewGuid().ToString("N"));
                return true;
            },
            "they are a farm again", s_patience);
    }

    [RedisFact]
    public async Task On_a_cluster_of_three_masters_a_farm_finds_keys_whose_slots_have_moved()
    {
        await using var cluster = await RedisCluster.StartNewAsync();
        await using var one = new Node(cluster.Configuration);
        await using var two = new Node(cluster.Configuration);
        await AssertIsFarmAsync(one.Cache, two.Cache);
        var keys = Enumerable.Range(0, 60).Select(i => $"key{i}").ToList();
        var runs = 0;
        var made = await Task.WhenAll(new[] { one, two }.SelectMany(node => keys.Select(key => node.Cache.GetOrCreateAsync(key, async ct =>
        {
            Interlocked.Increment(ref runs);
            await Task.Delay(100, ct);
            return key;
        }, s_long).AsTask()))).WaitAsync(s_patience);
        Assert.Equal(keys.Concat(keys), made);
        Assert.Equal(keys.Count, runs);
        Assert.Equal([0, 1, 2], keys.Select(key => cluster.MasterOf(NameOf(key))).Distinct().Order());

        // One slot after the other goes to the next master, and its key is changed at once, before the clients know where it is now.
        var moved = keys.Take(20).ToList();
        foreach (var key in moved)
        {
            var (slot, home) = (cluster.SlotOf(NameOf(key)), cluster.MasterOf(NameOf(key)));
            await cluster.MoveSlotAsync(slot, home, (home + 1) % 3);
            await one.Cache.SetAsync(key, $"{key} has moved", s_long);
        }

        foreach (var key in moved)
            await Eventually.Holds(async () => (await two.Cache.TryGetAsync<string>(key)).Value == $"{key} has moved", $"the other node shows what {key} was set to", s_patience);

        // And nothing is left behind: a newcomer finds all of it.
        await using var late = new Node(cluster.Configuration);
        foreach (var key in keys)
            Assert.Equal(moved.Contains(key) ? $"{key} has moved" : key, (await late.Cache.TryGetAsync<string>(key)).Value);
    }

    [RedisTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_dead_master_of_three_takes_its_own_keys_away_and_no_others(bool hasEpoch)
    {
        await using var cluster = await RedisCluster.StartNewAsync();
        await using var one = new Node(cluster.Configuration);
        await using var two = new Node(cluster.Configuration);
        var keys = Enumerable.Range(0, 300).Select(i => $"key{i}").ToList();
        var home = cluster.MasterOf("arc:epoch");
        var victim = hasEpoch ? home : (home + 1) % 3;
        var dead = keys.Where(key => cluster.MasterOf(NameOf(key)) == victim).ToList();
        var live = keys.Except(dead).ToList();

        // The first key that the nodes know is one of those.
        await AssertIsFarmAsync(one.Cache, two.Cache, dead[0]);
        var claims = await Task.WhenAll(new[] { dead[^1], live[^2] }.Select(key => ClaimAsync(one.Store, key)));
        await cluster.Servers[victim].KillAsync();

        // Once the client knows: keys of the dead one come in between all the time, each is made on its node, and the others get to Redis.
        await Eventually.Holds(async () => !(await one.Cache.SetAsync(live[0], "set", s_long)).IsPending, "a key of another master gets there", s_patience);
        var pending = 0;
        const int Rounds = 6;
        for (var i = 1; i <= Rounds; i++)
        {
            var made = await Task.WhenAll(Enumerable.Range(4 * i, 4).Select(key => one.Cache.GetOrCreateAsync(
                dead[key], _ => new ValueTask<string>("made here"), s_long).AsTask())).WaitAsync(s_patience);
            Assert.All(made, value => Assert.Equal("made here", value));
            if ((await one.Cache.SetAsync(live[i], "set", s_long)).IsPending)
                pending++;
        }

        Assert.InRange(pending, 0, Rounds / 2);

        // What the others answered in a batch counts, though one doesn't.
        Assert.Equal([RenewOutcome.Unknown, RenewOutcome.Held], (await one.Store.RenewAsync(claims, s_patience)).Outcomes);
        Assert.NotEqual("", (await one.Store.TouchAsync([new KeyActivity(dead[^1], s_patience), new KeyActivity(live[^2], s_patience)])).Epoch);
        await AssertIsFarmAsync(one.Cache, two.Cache, live[^1]);
    }

    /// <summary>Where a key's record is.</summary>
    private static string NameOf(string key) => $"arc:{{catalog:{key}}}:s";

    private static async Task AssertIsFarmAsync(IRegenCache one, IRegenCache two, string key = "key")
    {
        await Eventually.Holds(async () => !(await one.SetAsync(key, "first", s_long)).IsPending, "a set gets there", s_patience);
        await Eventually.Holds(async () => (await two.TryGetAsync<string>(key)).Value == "first", "the other node has it", s_patience);
        await two.SetAsync(key, "second", s_long);
        await Eventually.Holds(async () => (await one.TryGetAsync<string>(key)).Value == "second", "the first node hears of a change", s_patience);
    }

    private static async Task<HeldClaim> ClaimAsync(IExternalStore store, string key)
    {
        var answer = await store.ClaimAsync(new ClaimRequest
        {
            Key = key, Operation = new OperationId("claims", key.Length), Owner = "claims", Lease = TimeSpan.FromMinutes(30), Reason = ClaimReason.Miss,
        });
        Assert.Equal(ClaimOutcome.Granted, answer.Outcome);
        return new HeldClaim(key, answer.Token);
    }

    private static async Task<string> InfoAsync(RedisServer server)
    {
        await using var link = await Link.ToAsync(server);
        return (await link.Admin.InfoRawAsync("replication"))!;
    }

    private sealed class Node : IAsyncDisposable
    {
        private readonly ServiceProvider _services;

        public Node(string configuration)
            : this(builder => builder.UseRedis(configuration))
        {
        }

        public Node(Func<IServiceProvider, Task<IConnectionMultiplexer>> connect)
            : this(builder => builder.UseRedis(connect))
        {
        }

        private Node(Action<Hosting.RegenCacheBuilder> on)
        {
            var services = new ServiceCollection();
            on(services.AddRegenCache("catalog"));
            _services = services.BuildServiceProvider();
            Cache = _services.GetRequiredService<IRegenCache>();
        }

        public IRegenCache Cache { get; }

        public IExternalStore Store => _services.GetRequiredKeyedService<IExternalStore>("catalog").ForCache("catalog");

        public ValueTask DisposeAsync() => _services.DisposeAsync();
    }
}
