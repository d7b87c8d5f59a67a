using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>A node of the shop as an application of its own, whose products nobody has stocked: tests bring theirs.</summary>
public sealed class ShopStartup
{
    /// <summary>Registers the cache, the actor system and the controller.</summary>
    /// <param name="services">Where to register.</param>
    public static void ConfigureServices(IServiceCollection services)
    {
        Shop.AddTo(services.AddRegenCache(Shop.Cache), hasExternalStore: false);
        services.AddSingleton<IProductSource, NoProducts>();
    }

    /// <summary>Serves <c>/products</c>.</summary>
    /// <param name="app">The application.</param>
    public static void Configure(IApplicationBuilder app) => app.UseRouting().UseEndpoints(endpoints => endpoints.MapControllers());

    private sealed class NoProducts : IProductSource
    {
        public Task<Product?> LoadAsync(string id, CancellationToken cancellationToken) => Task.FromResult<Product?>(null);
    }
}
