using System.Net;
using System.Net.Http.Json;
using Akka.Actor;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Demo.Cluster;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Web;

/// <summary>The demo's node as an ASP.NET application, over HTTP: a controller that asks the cache's agent.</summary>
public sealed class ShopTests : IDisposable
{
    private readonly Products _products = new();
    private readonly Shop _shop;
    private readonly HttpClient _client;

    public ShopTests()
    {
        _shop = new Shop(_products);
        _client = _shop.CreateClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _shop.Dispose();
    }

    [Fact]
    public async Task A_product_is_made_once_for_all_who_ask_and_again_when_it_was_removed()
    {
        var cluster = Akka.Cluster.Cluster.Get(_shop.Services.GetRequiredService<ActorSystem>());
        await cluster.JoinAsync(cluster.SelfAddress).WaitAsync(Eventually.Patience);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _client.GetFromJsonAsync<Product>("/products/7")));
        Assert.All(answers, answer => Assert.Equal(new Product("7", "made 1"), answer));

        // Its shard may still be looking for a home: until then a removal is pending, and done here.
        await Eventually.Holds(
            async () => (await _client.DeleteAsync("/products/7")).StatusCode == HttpStatusCode.NoContent, "the cluster has removed it");

        Assert.Equal(new Product("7", "made 2"), await _client.GetFromJsonAsync<Product>("/products/7"));
    }

    [Fact]
    public async Task While_the_cluster_is_not_up_a_removal_is_accepted_and_done_here()
    {
        Assert.Equal(new Product("7", "made 1"), await _client.GetFromJsonAsync<Product>("/products/7"));

        Assert.Equal(HttpStatusCode.Accepted, (await _client.DeleteAsync("/products/7")).StatusCode);

        Assert.Equal(new Product("7", "made 2"), await _client.GetFromJsonAsync<Product>("/products/7"));
    }

    [Theory]
    [InlineData("none", HttpStatusCode.NotFound)]
    [InlineData("broken", HttpStatusCode.BadGateway)]
    [InlineData("late", HttpStatusCode.GatewayTimeout)]
    public async Task What_goes_wrong_becomes_a_status(string id, HttpStatusCode status) =>
        Assert.Equal(status, (await _client.GetAsync(new Uri("/products/" + id, UriKind.Relative))).StatusCode);

    [Fact]
    public async Task A_key_that_is_not_usable_is_a_bad_request_that_names_it()
    {
        var get = await _client.GetAsync(new Uri("/products/" + new string('x', 1020), UriKind.Relative));
        var delete = await _client.DeleteAsync(new Uri("/products/" + new string('x', 1020), UriKind.Relative));

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (get.StatusCode, delete.StatusCode));
        Assert.Contains("1024", await get.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_is_disposed_of_is_unavailable()
    {
        await ((RegenCache)_shop.Services.GetRequiredService<IRegenCache>()).DisposeAsync();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _client.GetAsync(new Uri("/products/7", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _client.DeleteAsync(new Uri("/products/7", UriKind.Relative))).StatusCode);
    }

    private sealed class Shop(Products products) : WebApplicationFactory<ProductsController>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder) =>
            builder.ConfigureServices(services => services.Replace(ServiceDescriptor.Singleton<IProductSource>(products)));
    }

    private sealed class Products : IProductSource
    {
        private int _made;

        public async Task<Product?> LoadAsync(string id, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return id switch
            {
                "none" => null,
                "broken" => throw new IOException("the shelf is locked"),
                "late" => throw new TimeoutException("nobody came"),
                _ => new Product(id, $"made {Interlocked.Increment(ref _made)}"),
            };
        }
    }
}
