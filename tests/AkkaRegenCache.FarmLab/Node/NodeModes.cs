using System.Globalization;
using AkkaRegenCache.FarmLab.Cluster;
using AkkaRegenCache.FarmLab.Wire;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.FarmLab.Node;

/// <summary>What a node is told on its command line.</summary>
/// <param name="Name">Its name: place and incarnation.</param>
/// <param name="Mode">How the nodes share their cache.</param>
/// <param name="Redis">Where Redis is.</param>
/// <param name="Origin">Where the origin is.</param>
/// <param name="Nodes">How many nodes the farm has.</param>
/// <param name="Port">Where it is found by other nodes of a cluster; a restarted node takes its predecessor's.</param>
/// <param name="Seeds">The ports of the nodes by which others find the cluster, with commas.</param>
/// <param name="Failover"><c>fast</c> or <c>default</c>: how soon a cluster finds a dead node.</param>
/// <param name="Entries">How many entries and records it may hold; 0: the cache's defaults.</param>
/// <param name="Release">Which release of the cache it plays: 0 today's, 1 the next one (see <see cref="NextRelease"/>).</param>
internal sealed record NodeArguments(
    string Name, string Mode, string Redis, string Origin, int Nodes = 0, int Port = 0, string Seeds = "", string Failover = Failovers.Fast,
    int Entries = 0, int Release = 0)
{
    public IEnumerable<int> SeedPorts => Seeds.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(port => int.Parse(port, CultureInfo.InvariantCulture));

    public bool IsFailoverFast => Failover == Failovers.Fast;

    /// <summary>What <see cref="Of"/> understands.</summary>
    public string[] ToCommandLine() =>
    [
        "node", "--name", Name, "--mode", Mode, "--redis", Redis, "--origin", Origin, "--nodes", Nodes.ToString(CultureInfo.InvariantCulture),
        "--port", Port.ToString(CultureInfo.InvariantCulture), "--seeds", Seeds, "--failover", Failover, "--entries", Entries.ToString(CultureInfo.InvariantCulture),
        "--release", Release.ToString(CultureInfo.InvariantCulture),
    ];

    /// <summary>Reads a node's command line; null: it isn't one.</summary>
    public static NodeArguments? Of(string[] arguments) => arguments is
        ["node", "--name", var name, "--mode", var mode, "--redis", var redis, "--origin", var origin, "--nodes", var nodes, "--port", var port,
            "--seeds", var seeds, "--failover", var failover, "--entries", var entries, "--release", var release]
        ? new NodeArguments(
            name, mode, redis, origin, int.Parse(nodes, CultureInfo.InvariantCulture), int.Parse(port, CultureInfo.InvariantCulture), seeds, failover,
            int.Parse(entries, CultureInfo.InvariantCulture), int.Parse(release, CultureInfo.InvariantCulture))
        : null;
}

/// <summary>How soon a cluster finds a dead node.</summary>
internal static class Failovers
{
    /// <summary><c>hocon/fast-failover.conf</c>.</summary>
    public const string Fast = "fast";

    /// <summary>Akka's own times.</summary>
    public const string Default = "default";
}

/// <summary>A node's place in a cluster, in the modes that have one.</summary>
internal interface INodeMembership
{
    /// <summary>Whether it is a member and shards can live here.</summary>
    ValueTask<bool> IsInAsync();

    /// <summary>Whether it was a member, and its cluster has put it out for good.</summary>
    bool IsOut { get; }

    /// <summary>Which shards live here, and which shards some keys belong to.</summary>
    Task<ShardsReply> ShardsAsync(string[] keys);
}

/// <summary>How the nodes of a farm share their cache: what a mode adds to a node's registration, and what the lab may do in it.</summary>
internal interface INodeMode
{
    /// <summary>As given to <c>--mode</c>.</summary>
    string Name { get; }

    /// <summary>Whether there is a Redis: it is then started, watched and broken.</summary>
    bool UsesRedis { get; }

    /// <summary>Whether there are coordinators: the node has an <see cref="INodeMembership"/> then.</summary>
    bool HasCoordinators { get; }

    /// <summary>Whether nodes share the cache; else each has one of its own, and only what concerns one process can be shown.</summary>
    bool IsShared => true;

    /// <summary>Completes the registration of the cache "lab" in a node.</summary>
    void Configure(RegenCacheBuilder cache, NodeArguments node);
}

/// <summary>A farm on Redis alone.</summary>
internal sealed class RedisMode : INodeMode
{
    public string Name => "redis";

    public bool UsesRedis => true;

    public bool HasCoordinators => false;

    public void Configure(RegenCacheBuilder cache, NodeArguments node) => cache.UseRedis(node.Redis);
}

/// <summary>No farm: each node's cache is its own, with the store that a cache has which is given none.</summary>
internal sealed class AloneMode : INodeMode
{
    public string Name => "alone";

    public bool UsesRedis => false;

    public bool HasCoordinators => false;

    public bool IsShared => false;

    public void Configure(RegenCacheBuilder cache, NodeArguments node)
    {
    }
}

/// <summary>The modes there are.</summary>
internal static class NodeModes
{
    /// <summary>The cache's name in every node.</summary>
    public const string Cache = "lab";

    public static IReadOnlyList<INodeMode> All { get; } =
    [
        new RedisMode(),
        new ClusterMode(usesRedis: true),
        new ClusterMode(usesRedis: false),
        new AloneMode(),
    ];

    /// <exception cref="UsageException">There is no such mode.</exception>
    public static INodeMode Find(string name) => All.FirstOrDefault(mode => mode.Name == name)
        ?? throw new UsageException($"There is no mode '{name}'; known: {string.Join(", ", All.Select(mode => mode.Name))}.");
}

/// <summary>The command line, or what this machine has, can't be used; the message says why.</summary>
public sealed class UsageException(string message) : Exception(message);
