using System.Collections.Concurrent;
using System.Globalization;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;
using AkkaRegenCache.Testing.Servers;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>What a scenario needs of its farm.</summary>
/// <param name="IsPersistent">Whether Redis writes every change down, to have it again after a restart.</param>
/// <param name="BreaksRedis">Whether Redis is killed, stopped or flushed: then it must be the lab's own.</param>
/// <param name="IsWatched">Whether every command of Redis is listened to, to know what was accepted. It costs Redis time.</param>
/// <param name="DoesWithoutRedis">Whether it breaks Redis only where there is one.</param>
/// <param name="NeedsCoordinators">Whether it is about coordinators.</param>
/// <param name="IsCompiled">
/// Whether nodes compile what they run in full at once, which a server has done minutes after its start: milliseconds are measured, and two cores that
/// compile for five processes at the same time would be what is.
/// </param>
/// <param name="IsOfOneProcess">Whether it shows something that also a cache has which no other node shares.</param>
/// <param name="Entries">How many entries, and records where the cluster is the store, a node may hold; 0: the cache's defaults.</param>
internal sealed record FarmNeeds(
    bool IsPersistent = false,
    bool BreaksRedis = false,
    bool IsWatched = true,
    bool DoesWithoutRedis = false,
    bool NeedsCoordinators = false,
    bool IsCompiled = false,
    bool IsOfOneProcess = false,
    int Entries = 0);

/// <summary>
/// The processes of one run: Redis, the origin, the nodes, and a guard that ends them all should the lab be killed. Starts them, restarts
/// nodes, and leaves nothing behind.
/// </summary>
internal sealed class LabFarm : IAsyncDisposable
{
    /// <summary>So many nodes tell newcomers where the cluster is; when one of them is restarted, the others still do.</summary>
    private const int Seeds = 3;

    private readonly LabOptions _options;
    private readonly FarmNeeds _needs;
    private readonly Action<string> _say;
    private readonly ProcessGuard _guard = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("arc-farm-").FullName;
    private readonly ConcurrentBag<FarmNode> _past = [];
    private readonly int[] _incarnations;
    private readonly FarmNode?[] _nodes;
    private ChildProcess? _origin;
    private NodeArguments _arguments = null!;
    private int[] _ports = [];
    private int _guardedRedis;

    private LabFarm(LabOptions options, FarmNeeds needs, Action<string> say)
    {
        _options = options;
        _needs = needs;
        _say = say;
        _nodes = new FarmNode?[options.Nodes];
        _incarnations = new int[options.Nodes];
    }

    /// <summary>The lab's own Redis; null where another was named.</summary>
    public RedisServer? Server { get; private set; }

    public string RedisHost { get; private set; } = "127.0.0.1";

    public int RedisPort { get; private set; }

    /// <summary>What counts the runs.</summary>
    public OriginLog.Reader Runs { get; private set; } = null!;

    /// <summary>Hears what Redis accepts; null where the scenario does without.</summary>
    public RedisWitness? Witness { get; private set; }

    /// <summary>The nodes that live (or are stopped), in the order of their places.</summary>
    public IReadOnlyList<FarmNode> Nodes => [.. _nodes.OfType<FarmNode>()];

    public static async Task<LabFarm> StartAsync(
        LabOptions options, FarmNeeds needs, Action<string> say, CancellationToken cancellationToken)
    {
        var mode = NodeModes.Find(options.Mode);
        if (Signals.WhyMissing is { } why)
            throw new UsageException(why);
        if (needs.NeedsCoordinators && !mode.HasCoordinators)
            throw new UsageException($"The scenario '{options.Scenario}' is about coordinators, and the mode '{mode.Name}' has none: it doesn't apply.");
        if (!mode.IsShared && !needs.IsOfOneProcess)
            throw new UsageException($"The scenario '{options.Scenario}' is about a farm, and the nodes of mode '{mode.Name}' are none: it doesn't apply.");
        var farm = new LabFarm(options, needs, say);
        try
        {
            await farm.StartRedisAsync(mode, needs, cancellationToken);
            farm._ports = mode.HasCoordinators ? FreePorts.Take(options.Nodes) : new int[options.Nodes];
            var log = Path.Combine(farm._folder, "origin.log");
            farm.Runs = new OriginLog.Reader(log);
            farm._origin = ChildProcess.Start("origin", farm._guard, farm.Echo, isCompiled: false, "origin", "--log", log);
            var origin = await farm._origin.AddressAsync(cancellationToken);
            farm._arguments = new NodeArguments(
                "", options.Mode, string.Create(CultureInfo.InvariantCulture, $"{farm.RedisHost}:{farm.RedisPort}"), origin.ToString(), options.Nodes,
                Seeds: mode.HasCoordinators ? string.Join(',', farm._ports.Take(Seeds)) : "", Failover: options.Failover, Entries: needs.Entries == 0 ? 0 : options.Entries ?? needs.Entries);
            await Task.WhenAll(Enumerable.Range(0, options.Nodes).Select(slot => farm.StartNodeAsync(slot, cancellationToken)));
            if (mode.HasCoordinators && await ShardHomes.SettleAsync(farm, cancellationToken) is { } unsettled)
                say(unsettled);
            return farm;
        }
        catch
        {
            await farm.DisposeAsync();
            throw;
        }
    }

    /// <summary>Nodes that start from now on play the next release.</summary>
    public void Upgrade() => _arguments = _arguments with { Release = 1 };

    /// <summary>Starts the next incarnation of the node at a place.</summary>
    public async Task<FarmNode> StartNodeAsync(int slot, CancellationToken cancellationToken)
    {
        if (_nodes[slot] is { } before)
            _past.Add(before);
        _nodes[slot] = null;
        var arguments = _arguments with { Port = _ports[slot] };
        var node = await FarmNode.StartAsync(slot, ++_incarnations[slot], arguments, _needs.IsCompiled, _guard, Echo, cancellationToken);
        _nodes[slot] = node;
        return node;
    }

    /// <summary>Kills Redis and starts it again on its port.</summary>
    /// <returns>When it answered again.</returns>
    public async Task<long> StartRedisAgainAsync(bool withData)
    {
        await Server!.RestartAsync(withData);
        var at = LabClock.Now;
        GuardRedis();
        return at;
    }

    public void GuardRedis()
    {
        if (_guardedRedis != 0)
            _guard.Remove(_guardedRedis);
        _guardedRedis = Server!.ProcessId;
        if (_guardedRedis != 0)
            _guard.Add(_guardedRedis);
    }

    public async ValueTask DisposeAsync()
    {
        if (Witness is not null)
            await Witness.DisposeAsync();
        foreach (var node in _past.Concat(Nodes))
            await node.DisposeAsync();
        if (_origin is not null)
            await _origin.DisposeAsync();
        if (Server is not null)
        {
            // Killing a stopped process works; it need not be continued first.
            await Server.DisposeAsync();
        }

        _guard.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Echo(string line)
    {
        if (_options.IsVerbose)
            _say(line);
    }

    private async Task StartRedisAsync(INodeMode mode, FarmNeeds needs, CancellationToken cancellationToken)
    {
        if (!mode.UsesRedis)
        {
            if (needs.BreaksRedis && !needs.DoesWithoutRedis)
                throw new UsageException($"The scenario '{_options.Scenario}' is about Redis, and the mode '{mode.Name}' has none: it doesn't apply.");
            return;
        }

        if (_options.Redis is { } given)
        {
            if (needs.BreaksRedis)
                throw new UsageException("This scenario kills, stops or flushes Redis: it starts its own, and takes no --redis.");
            var colon = given.LastIndexOf(':');
            if (colon <= 0 || !int.TryParse(given.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
                throw new UsageException($"--redis takes host:port, not '{given}'.");
            (RedisHost, RedisPort) = (given[..colon], port);
        }
        else
        {
            if (RedisServer.WhyMissing is { } why)
                throw new UsageException($"{why}; --redis host:port names one that runs.");
            Server = await RedisServer.StartNewAsync(needs.IsPersistent);
            RedisPort = Server.Port;
            GuardRedis();
        }

        if (needs.IsWatched)
            Witness = await RedisWitness.StartAsync(RedisHost, RedisPort, cancellationToken);
    }
}
