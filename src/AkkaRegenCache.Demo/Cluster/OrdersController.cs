using Microsoft.AspNetCore.Mvc;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>Orders: placed on one node, packed by a worker who calls another one, and waited for wherever the customer asks.</summary>
[ApiController]
[Route("orders")]
public sealed class OrdersController(OrderBook orders) : ControllerBase
{
    private const int LongestWait = 60;

    /// <summary>Places an order for a product.</summary>
    [HttpPost]
    public async Task<IActionResult> PlaceAsync([FromQuery] string product, CancellationToken aborted)
    {
        Order order = await orders.PlaceAsync(product, aborted);
        return Created(new Uri($"/orders/{order.Id}", UriKind.Relative), order);
    }

    /// <summary>The order as soon as it is packed (200); or as it is, when the wait is over (202).</summary>
    /// <param name="id">The order's number.</param>
    /// <param name="wait">How long to wait, in seconds; at most 60.</param>
    /// <param name="aborted">The customer has gone.</param>
    [HttpGet("{id}")]
    public async Task<ActionResult<Order>> GetAsync(string id, [FromQuery] int wait, CancellationToken aborted)
    {
        Order? order = await orders.WaitAsync(id, TimeSpan.FromSeconds(Math.Clamp(wait, 0, LongestWait)), aborted);
        return order switch
        {
            null => NotFound(),
            { Parcel: null } => Accepted(order),
            _ => order,
        };
    }

    /// <summary>The worker who has packed an order says so, to whichever node answers.</summary>
    [HttpPut("{id}/parcel/{parcel}")]
    public async Task<ActionResult<Order>> PackAsync(string id, string parcel, CancellationToken aborted) =>
        await orders.PackAsync(id, parcel, aborted) is { } order ? order : NotFound();
}
