using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.FarmLab;

/// <summary>What a node is told on its command line.</summary>
internal sealed record NodeArguments(string Name, string Mode, string Redis, string Origin);

/// <summary>How the nodes of a farm share their cache: what a mode adds to a node's registration, and what the lab may do in it.</summary>
internal interface INodeMode
{
    /// <summary>As given to <c>--mode</c>.</summary>
    string Name { get; }

    /// <summary>Whether there is a Redis: it is then started, watched and broken.</summary>
    bool UsesRedis { get; }

    /// <summary>Completes the registration of the cache "lab" in a node.</summary>
    void Configure(RegenCacheBuilder cache, NodeArguments node);
}

/// <summary>A farm on Redis alone.</summary>
internal sealed class RedisMode : INodeMode
{
    public string Name => "redis";

    public bool UsesRedis => true;

    public void Configure(RegenCacheBuilder cache, NodeArguments node) => cache.UseRedis(node.Redis);
}

/// <summary>The modes there are.</summary>
internal static class NodeModes
{
    /// <summary>The cache's name in every node.</summary>
    public const string Cache = "lab";

    public static IReadOnlyList<INodeMode> All { get; } = [new RedisMode()];

    /// <exception cref="UsageException">There is no such mode.</exception>
    public static INodeMode Find(string name) => All.FirstOrDefault(mode => mode.Name == name)
        ?? throw new UsageException($"There is no mode '{name}'; known: {string.Join(", ", All.Select(mode => mode.Name))}.");
}

/// <summary>The command line, or what this machine has, can't be used; the message says why.</summary>
public sealed class UsageException(string message) : Exception(message);
