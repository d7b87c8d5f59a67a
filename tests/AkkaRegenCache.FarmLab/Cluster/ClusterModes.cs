using System.Globalization;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.FarmLab.Cluster;

/// <summary>Nodes in an Akka cluster, each an actor system of its own process, as an application with Akka.Hosting would have it.</summary>
/// <param name="usesRedis">Whether Redis arbitrates; else the shards do.</param>
internal sealed class ClusterMode(bool usesRedis) : INodeMode
{
    private const string System = "farm";

    public string Name => usesRedis ? "cluster" : "cluster-only";

    public bool UsesRedis => usesRedis;

    public bool HasCoordinators => true;

    public void Configure(RegenCacheBuilder cache, NodeArguments node)
    {
        // The last one gives the notifications: the cluster.
        if (usesRedis)
            cache.UseRedis(node.Redis);
        cache.UseCluster();
        cache.Services.AddAkka(System, akka =>
        {
            akka.AddHocon(HoconOf(node), HoconAddMode.Prepend)
                .WithRemoting("127.0.0.1", node.Port)
                .WithClustering(new ClusterOptions { SeedNodes = [.. node.SeedPorts.Select(AddressOf)] })
                .WithRegenCache(NodeModes.Cache, options =>
                {
                    if (node.Entries > 0)
                        options.MaximumRecords = node.Entries;
                    if (node.IsFailoverFast)
                        options.UseFastFailover(externalStore: usesRedis);
                });
        });
        cache.Services.AddSingleton<INodeMembership>(provider => new ClusterMembership(provider));
    }

    /// <summary>
    /// The nodes of a run start together: shards are given out when most of them are there, or the first one would get all, and what is measured first
    /// would be how they move.
    /// </summary>
    private static string HoconOf(NodeArguments node) => string.Create(CultureInfo.InvariantCulture, $$"""
        akka.loglevel = WARNING
        akka.cluster.min-nr-of-members = {{node.Nodes / 2 + 1}}
        """);

    private static string AddressOf(int port) => string.Create(CultureInfo.InvariantCulture, $"akka.tcp://{System}@127.0.0.1:{port}");
}
