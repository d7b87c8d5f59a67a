using System.Collections.Concurrent;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// Connects the application's caches to the external stores that were chosen for them while its host starts, and lets them leave when it has stopped,
/// before its services are disposed of: generators that still run may need them. Other caches that nobody has used are not made for it. Thread-safe.
/// </summary>
internal sealed partial class RegenCacheLifetime(
    IServiceProvider services, IEnumerable<RegenCacheName> names, ILogger<RegenCache>? logger = null) : IHostedLifecycleService
{
    private readonly ILogger _logger = (ILogger?)logger ?? NullLogger.Instance;
    private readonly ConcurrentBag<RegenCache> _caches = [];

    public RegenCache Add(RegenCache cache)
    {
        _caches.Add(cache);
        return cache;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The web server starts after this.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.WhenAll(names.Select(name => WarmUpAsync(name.Name, cancellationToken)));

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

    private async Task WarmUpAsync(string name, CancellationToken cancellationToken)
    {
        if (services.GetKeyedService<IExternalStore>(name) is not null
            && services.GetRequiredKeyedService<IRegenCache>(name) is RegenCache cache
            && await cache.Shell.WarmUpAsync(cancellationToken).ConfigureAwait(false) is { } failure)
        {
            LogNotThereYet(failure, name);
        }
    }

    [LoggerMessage(20, LogLevel.Warning, "Cache {CacheName}: the external store has not answered yet; the host starts without it.")]
    private partial void LogNotThereYet(Exception failure, string cacheName);
}

/// <summary>The name of a cache that is registered.</summary>
internal sealed record RegenCacheName(string Name);
