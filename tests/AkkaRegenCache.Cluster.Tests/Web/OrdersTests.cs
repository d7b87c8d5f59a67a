using System.Net;
using System.Net.Http.Json;
using Akka.Actor;
using Akka.Cluster;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Demo.Cluster;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Web;

/// <summary>
/// Two of the demo's nodes as ASP.NET applications in one cluster, over HTTP: what is placed on one of them is packed on the
/// other.
/// </summary>
[Trait("Row", "D21")]
public sealed class OrdersTests : IAsyncLifetime
{
    private readonly WebApplicationFactory<ProductsController>[] _shops = [new(), new()];
    private readonly List<HttpClient> _clients = [];

    public async Task InitializeAsync()
    {
        _clients.AddRange(_shops.Select(shop => shop.CreateClient()));
        var clusters = _shops.Select(shop => Akka.Cluster.Cluster.Get(shop.Services.GetRequiredService<ActorSystem>())).ToList();
        foreach (var cluster in clusters)
            await cluster.JoinAsync(clusters[0].SelfAddress).WaitAsync(Eventually.Patience);
        await Eventually.Holds(
            () => clusters.All(cluster => cluster.State.Members.Count(member => member.Status == MemberStatus.Up) == 2),
            "both know each other");
    }

    public async Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        foreach (var shop in _shops)
            await shop.DisposeAsync();
    }

    [Fact]
    public async Task Who_waits_on_one_node_is_told_when_the_order_was_packed_on_the_other()
    {
        var order = await PlaceAsync(0);
        var waiting = _clients[0].GetAsync(Path($"/orders/{order.Id}?wait=60"));
        await Eventually.Holds(() => Awaiting(0).Awaiters.AwaiterCount == 1, "the customer waits");

        await PackAsync(1, order.Id, "parcel-1");

        var answer = await waiting.WaitAsync(Eventually.Patience);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(order with { Parcel = "parcel-1" }, await answer.Content.ReadFromJsonAsync<Order>());
        Assert.Equal(0, Awaiting(0).Awaiters.AwaiterCount);
    }

    [Fact]
    public async Task Who_waits_is_answered_also_where_the_message_was_lost()
    {
        var order = await PlaceAsync(0);
        var waiting = _clients[0].GetAsync(Path($"/orders/{order.Id}?wait=60"));
        await Eventually.Holds(() => Awaiting(0).Awaiters.AwaiterCount == 1, "the customer waits");

        // As packing does, but that nobody hears of it.
        var other = _shops[1].Services.GetRequiredService<IRegenCache>();
        await Eventually.Holds(async () => (await other.TryGetAsync<Order>($"orders:{order.Id}")).Found, "the other node finds the order");
        await other.SetAsync($"orders:{order.Id}", order with { Parcel = "parcel-2" }, TimeSpan.FromHours(1));

        Assert.Equal("parcel-2", (await (await waiting.WaitAsync(Eventually.Patience)).Content.ReadFromJsonAsync<Order>())!.Parcel);
    }

    [Fact]
    public async Task Who_does_not_wait_gets_the_order_as_it_is_and_one_that_is_not_there_is_not_found()
    {
        var order = await PlaceAsync(0);

        Assert.Equal(HttpStatusCode.Accepted, (await _clients[0].GetAsync(Path($"/orders/{order.Id}"))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _clients[0].GetAsync(Path("/orders/none?wait=60"))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _clients[0].PutAsync(Path("/orders/none/parcel/1"), null)).StatusCode);
        Assert.Equal(0, Awaiting(0).Awaiters.AwaiterCount);
    }

    private static Uri Path(string path) => new(path, UriKind.Relative);

    private CorrelatedAwaiting<OrderPacked, string> Awaiting(int node) =>
        _shops[node].Services.GetRequiredService<CorrelatedAwaiting<OrderPacked, string>>();

    private async Task<Order> PlaceAsync(int node)
    {
        var placed = await _clients[node].PostAsync(Path("/orders?product=7"), null);
        Assert.Equal(HttpStatusCode.Created, placed.StatusCode);
        return (await placed.Content.ReadFromJsonAsync<Order>())!;
    }

    /// <summary>The key's shard may still be looking for a home: until then the other node does not find the order.</summary>
    private Task PackAsync(int node, string id, string parcel) => Eventually.Holds(
        async () => (await _clients[node].PutAsync(Path($"/orders/{id}/parcel/{parcel}"), null)).StatusCode == HttpStatusCode.OK,
        "it is packed");
}
