using AkkaRegenCache.Awaiting;
using Microsoft.Extensions.Hosting;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// Subscribes to the application's topics while its host starts. Made at their first use, they would hear nothing for as long as a
/// subscription takes to become known to the other nodes.
/// </summary>
internal sealed class CorrelatedAwaitingStart(IServiceProvider services, IEnumerable<CorrelatedTopic> topics) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var topic in topics)
            topic.Start(services);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
