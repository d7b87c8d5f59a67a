using System.Globalization;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>A Redis Cluster of three masters without replicas, each with a third of the slots.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private const int Slots = 16_384;

    private readonly List<RedisServer> _servers = [];
    private ConnectionMultiplexer? _admin;

    private RedisCluster()
    {
    }

    public IReadOnlyList<RedisServer> Servers => _servers;

    public string Configuration => string.Join(',', _servers.Select(server => $"127.0.0.1:{server.Port}")) + ",abortConnect=false,allowAdmin=true";

    public static async Task<RedisCluster> StartNewAsync()
    {
        var cluster = new RedisCluster();
        try
        {
            await cluster.StartAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Which of the three has a key's slot, as the slots were handed out.</summary>
    public int MasterOf(string redisKey) => SlotOf(redisKey) * 3 / Slots;

    public int SlotOf(string redisKey) => _admin!.GetHashSlot(redisKey);

    /// <summary>Moves a slot as redis-cli does: its keys first, then the slot.</summary>
    public async Task MoveSlotAsync(int slot, int from, int to)
    {
        var (source, target) = (ServerOf(from), ServerOf(to));
        var (sourceId, targetId) = (await IdOfAsync(source), await IdOfAsync(target));
        await target.ExecuteAsync("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceId);
        await source.ExecuteAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", targetId);
        while ((string[]?)await source.ExecuteAsync("CLUSTER", "GETKEYSINSLOT", slot, 100) is { Length: > 0 } keys)
            await source.ExecuteAsync("MIGRATE", ["127.0.0.1", _servers[to].Port, "", 0, 5000, "KEYS", .. keys]);
        foreach (var server in new[] { to, from }.Concat(Enumerable.Range(0, 3).Except([from, to])).Select(ServerOf))
            await server.ExecuteAsync("CLUSTER", "SETSLOT", slot, "NODE", targetId);
    }

    public async ValueTask DisposeAsync()
    {
        if (_admin is not null)
        {
            await _admin.CloseAsync(allowCommandsToComplete: false);
            _admin.Dispose();
        }

        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    private static async Task<string> IdOfAsync(IServer server) => (string)(await server.ExecuteAsync("CLUSTER", "MYID"))!;

    private IServer ServerOf(int index) => _admin!.GetServer("127.0.0.1", _servers[index].Port);

    private async Task StartAsync()
    {
        var busPorts = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            busPorts.Add(RedisServer.FreePort());
            _servers.Add(await RedisServer.StartNewAsync(
                persistent: false,
                "--cluster-enabled", "yes", "--cluster-port", busPorts[i].ToString(CultureInfo.InvariantCulture), "--cluster-node-timeout", "2000",
                "--cluster-require-full-coverage", "no"));
        }

        for (var i = 0; i < 3; i++)
        {
            var (first, last) = (FirstOf(i), FirstOf(i + 1) - 1);
            Expect("+OK", await _servers[i].AskAsync($"CLUSTER ADDSLOTSRANGE {first} {last}"));

            // As redis-cli does: masters with the same epoch would settle among themselves whose word counts, and a slot that has moved could go back.
            Expect("+OK", await _servers[i].AskAsync($"CLUSTER SET-CONFIG-EPOCH {i + 1}"));
            if (i > 0)
                Expect("+OK", await _servers[0].AskAsync($"CLUSTER MEET 127.0.0.1 {_servers[i].Port} {busPorts[i]}"));
        }

        _admin = await ConnectionMultiplexer.ConnectAsync(Configuration);
        for (var i = 0; i < 3; i++)
        {
            var server = ServerOf(i);
            await Eventually.Holds(
                async () =>
                {
                    var info = (string)(await server.ExecuteAsync("CLUSTER", "INFO"))!;
                    return info.Contains("cluster_state:ok", StringComparison.Ordinal) && info.Contains($"cluster_slots_ok:{Slots}", StringComparison.Ordinal)
                        && info.Contains("cluster_known_nodes:3", StringComparison.Ordinal);
                },
                "the cluster is up");
        }

        await _admin.ConfigureAsync();

        // MasterOf says the same.
        static int FirstOf(int server) => ((server * Slots) + 2) / 3;
    }

    private static void Expect(string expected, string answer)
    {
        if (answer != expected)
            throw new InvalidOperationException($"Redis answered {answer}.");
    }
}
