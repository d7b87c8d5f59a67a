using Akka.Actor;
using Akka.Hosting;
using AkkaRegenCache.Messages;
using Microsoft.AspNetCore.Mvc;

namespace AkkaRegenCache.Demo.Cluster;

/// <summary>Products, as a controller gets them that knows actors: it asks the cache's agent on its node.</summary>
[ApiController]
[Route("products")]
public sealed class ProductsController(IRequiredActor<RegenCacheKey> agent) : ControllerBase
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A product: from the cache, made where there is none.</summary>
    [HttpGet("{id}")]
    public async Task<ActionResult<Product>> GetAsync(string id, CancellationToken aborted)
    {
        CacheReply reply = await AskAsync(new CacheGet($"products:{id}"), aborted);
        if (!reply.IsFound)
            return Failed(reply);

        // "There is none" is an answer of the source's, too, and is kept like any other.
        return reply.As<Product?>() is { } product ? product : NotFound();
    }

    /// <summary>Forgets a product in the whole farm: the next one who asks has it made again.</summary>
    [HttpDelete("{id}")]
    public async Task<IActionResult> DeleteAsync(string id, CancellationToken aborted)
    {
        CacheReply reply = await AskAsync(new CacheRemove($"products:{id}"), aborted);
        return reply.Change switch
        {
            { IsPending: true } => Accepted(),
            not null => NoContent(),
            null => Failed(reply),
        };
    }

    private Task<CacheReply> AskAsync(CacheRequest request, CancellationToken aborted) => agent.ActorRef.AskCacheAsync(request, Patience, aborted);

    private ObjectResult Failed(CacheReply reply) => Problem(
        title: reply.Kind.ToString(),
        detail: reply.Error?.Message,
        statusCode: reply.Kind switch
        {
            CacheReplyKind.Rejected => StatusCodes.Status400BadRequest,
            CacheReplyKind.Failed => StatusCodes.Status502BadGateway,
            CacheReplyKind.Unavailable => StatusCodes.Status503ServiceUnavailable,
            CacheReplyKind.TimedOut => StatusCodes.Status504GatewayTimeout,
            _ => StatusCodes.Status500InternalServerError,
        });
}
