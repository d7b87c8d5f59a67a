using AkkaRegenCache.Awaiting;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>
/// Takes orders on one node and lets its callers wait there for what is done on another. The order in the cache is what counts; the message
/// that it was packed is a hint, which saves those who wait from asking all the time. Thread-safe.
/// </summary>
public sealed class OrderBook(IRegenCache cache, CorrelatedAwaiting<OrderPacked, string> packed)
{
    /// <summary>The topic's name, the same on every node.</summary>
    public const string Topic = "orders";

    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    /// <summary>A hint may be lost: so long a caller waits for it before the order is looked at again.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Takes an order.</summary>
    /// <param name="product">The product's number.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    public async Task<Order> PlaceAsync(string product, CancellationToken cancellationToken)
    {
        var order = new Order(Guid.NewGuid().ToString("N"), product, Parcel: null);
        await cache.SetAsync(KeyOf(order.Id), order, Kept, cancellationToken);
        return order;
    }

    /// <summary>Notes that an order was packed, and tells those who wait for it on any node.</summary>
    /// <param name="id">The order's number.</param>
    /// <param name="parcel">The parcel.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    /// <returns>The order; null: there is none.</returns>
    public async Task<Order?> PackAsync(string id, string parcel, CancellationToken cancellationToken)
    {
        (bool found, Order? order) = await cache.TryGetAsync<Order>(KeyOf(id), cancellationToken);
        if (!found || order is null)
            return null;
        order = order with { Parcel = parcel };

        // In this order: who hears the message, or asks again after it was lost, finds what it tells of.
        await cache.SetAsync(KeyOf(id), order, Kept, cancellationToken);
        await packed.PublishAsync(new OrderPacked(id, parcel));
        return order;
    }

    /// <summary>Waits until an order is packed.</summary>
    /// <param name="id">The order's number.</param>
    /// <param name="patience">How long the caller waits.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    /// <returns>The order, packed unless the patience was over before; null: there is none.</returns>
    public async Task<Order?> WaitAsync(string id, TimeSpan patience, CancellationToken cancellationToken)
    {
        long begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            // Registered before the order is looked at: what happens in between is heard.
            using CorrelatedAwaiter<OrderPacked> awaiter = packed.Register(id, cancellationToken);
            (bool found, Order? order) = await cache.TryGetAsync<Order>(KeyOf(id), cancellationToken);
            TimeSpan left = patience - TimeProvider.System.GetElapsedTime(begun);
            if (!found || order is null || order.Parcel is not null || left <= TimeSpan.Zero)
                return order;
            try
            {
                OrderPacked message = await awaiter.Task.WaitAsync(left < AskAgainAfter ? left : AskAgainAfter, cancellationToken);
                return order with { Parcel = message.Parcel };
            }
            catch (TimeoutException)
            {
                // Perhaps the hint was lost.
            }
        }
    }

    private static string KeyOf(string id) => $"orders:{id}";
}
