using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// Lets the application's caches leave when its host has stopped, before its services are disposed of: generators that still run may need
/// them. Caches that nobody has used are not made for it. Thread-safe.
/// </summary>
internal sealed class RegenCacheLeaving : IHostedLifecycleService
{
    private readonly ConcurrentBag<RegenCache> _caches = [];

    public RegenCache Add(RegenCache cache)
    {
        _caches.Add(cache);
        return cache;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The web server has stopped: nobody asks any more.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_caches.Select(cache => cache.DrainAsync())).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The host has no more patience. What still runs is handed over.
        }
    }

    /// <summary>Lets one cache leave, where it was made; what it needs for that ends before the host does.</summary>
    internal Task DrainAsync(string cacheName) => Task.WhenAll(_caches.Where(cache => cache.Name == cacheName).Select(cache => cache.DrainAsync()));
}
