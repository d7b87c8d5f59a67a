using Microsoft.Extensions.Hosting;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// Checks, before the host starts anything, that the actor system serves each cache that is registered to use the cluster. Missing wiring
/// ends the host's start with the line to add; at the cache's first use it would be the error of a request.
/// </summary>
internal sealed class ClusterWiring(ClusterNodes nodes) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var name in nodes.Registered)
            nodes.For(name);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>The name of a cache that is registered to use the cluster.</summary>
internal sealed record ClusterCacheName(string Name);
