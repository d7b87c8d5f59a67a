using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Benchmarks.Cluster;

/// <summary>A cache as applications have it: from the container of a host whose actor system is a cluster of one node, which stores the values.</summary>
internal sealed class HostedCache : IDisposable
{
    private readonly IHost _host;

    private HostedCache(IHost host)
    {
        _host = host;
        Cache = host.Services.GetRequiredService<IRegenCache>();
    }

    public IRegenCache Cache { get; }

    public static HostedCache Start()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddRegenCache("hosted").UseCluster();
        builder.Services.AddAkka("hosted", akka => akka
            .WithRemoting("127.0.0.1", 0)
            .WithClustering(new ClusterOptions { SeedNodes = [] })
            .AddHocon("akka.stdout-loglevel = OFF, akka.loglevel = ERROR, akka.loggers = []", HoconAddMode.Prepend)
            .WithRegenCache("hosted")
            .AddStartup((system, _) => Akka.Cluster.Cluster.Get(system).Join(Akka.Cluster.Cluster.Get(system).SelfAddress)));
        IHost host = builder.Build();
        host.Start();
        return new HostedCache(host);
    }

    public void Dispose()
    {
        _host.StopAsync().GetAwaiter().GetResult();
        _host.Dispose();
    }
}
