using System.Collections.Concurrent;
using System.Diagnostics;

namespace AkkaRegenCache.Demo.Origin;

/// <summary>
/// What is expensive to ask: an HTTP server that takes 50 to 400 ms for an answer, more for some keys than for others, and fails now
/// and then. It counts its calls apart: <c>/value/KEY</c> is asked by the caches under show, <c>/plain/KEY</c> by the plain
/// memory caches they are compared with.
/// </summary>
internal sealed class OriginServer : IAsyncDisposable
{
    private const int LeastMilliseconds = 50;
    private const int MostMilliseconds = 400;
    private const int JitterMilliseconds = 30;
    private const double FailureShare = 0.02;

    private readonly ConcurrentDictionary<string, long> _versions = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private LoopbackServer? _server;
    private long _calls;
    private long _plainCalls;
    private long _failures;
    private volatile bool _clientsHaveGone;

    public Uri Address => _server!.Address;

    /// <summary>Calls made by the caches under show.</summary>
    public long Calls => Volatile.Read(ref _calls);

    /// <summary>Calls made by the plain memory caches.</summary>
    public long PlainCalls => Volatile.Read(ref _plainCalls);

    /// <summary>How many of <see cref="Calls"/> failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>The origin's clock, which its answers carry.</summary>
    public long Milliseconds => (long)Stopwatch.GetElapsedTime(_start).TotalMilliseconds;

    public static async Task<OriginServer> StartAsync()
    {
        var origin = new OriginServer();
        origin._server = await LoopbackServer.StartAsync(_ => origin.AnswerAsync);
        return origin;
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Nothing is counted any more: what nodes still ask while they leave, one after the other, is for no request.</summary>
    public void ClientsHaveGone() => _clientsHaveGone = true;

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "";
        bool isPlain = path.StartsWith("/plain/", StringComparison.Ordinal);
        if (!isPlain && !path.StartsWith("/value/", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        string key = path["/value/".Length..];
        bool counts = !_clientsHaveGone;
        if (counts)
            Interlocked.Increment(ref isPlain ? ref _plainCalls : ref _calls);

        // The moment the answer is true for is when the origin began to make it.
        long now = Milliseconds;
        long version = _versions.AddOrUpdate(path, 1, static (_, before) => before + 1);
        await Task.Delay(DelayOf(key), context.RequestAborted);

        bool fails = Random.Shared.NextDouble() < FailureShare;
        if (fails && counts && !isPlain)
            Interlocked.Increment(ref _failures);
        context.Response.StatusCode = fails ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        await context.Response.WriteAsync(new OriginAnswer(fails, key, version, now).ToString());
    }

    private static int DelayOf(string key)
    {
        uint slowness = OriginAnswer.Checksum(key) % (MostMilliseconds - LeastMilliseconds - JitterMilliseconds);
        return LeastMilliseconds + (int)slowness + Random.Shared.Next(JitterMilliseconds);
    }
}
