using System.Diagnostics;
using System.Globalization;
using AkkaRegenCache.Demo.Origin;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// One web server of the farm: an HTTP endpoint, its own service provider, and in it a cache as an application would register it. It tells
/// with each answer how the read went, so that whoever asks can count, whatever process it runs in.
/// </summary>
internal sealed class WebNode : IAsyncDisposable
{
    /// <summary>The response header that says how a read went.</summary>
    public const string ReadHeader = "X-Read";

    /// <summary>Tells how many values the node is asking the origin for.</summary>
    public const string GeneratingPath = "/generating";

    private readonly HttpClient _origin;
    private readonly PlainCache _plain;
    private LoopbackServer _server = null!;
    private IRegenCache _cache = null!;
    private int _generating;

    private WebNode(Uri origin)
    {
        _origin = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { BaseAddress = origin };
        _plain = new PlainCache(_origin);
    }

    public Uri Address => _server.Address;

    public IServiceProvider Services => _server.Services;

    /// <summary>How many values this node is asking the origin for, each under a claim.</summary>
    public int Generating => Volatile.Read(ref _generating);

    /// <summary>Starts a node.</summary>
    /// <param name="origin">Where values come from.</param>
    /// <param name="share">Says what it shares with the others.</param>
    /// <param name="map">Says what else it serves.</param>
    public static async Task<WebNode> StartAsync(Uri origin, Action<RegenCacheBuilder> share, Action<IEndpointRouteBuilder>? map = null)
    {
        var node = new WebNode(origin);
        node._server = await LoopbackServer.StartAsync(
            services =>
            {
                node._cache = services.GetRequiredService<IRegenCache>();
                return node.AnswerAsync;
            },
            services => share(services.AddSingleton(node).AddRegenCache("catalog", options =>
            {
                options.DefaultEntryOptions = EntryLife.Options;

                // A trace can bring a thousand new keys a second, and an interval later all of them are due.
                options.MaximumBackgroundGenerations = 256;
            })),
            map);
        return node;
    }

    /// <summary>Breaks all connections, to the clients and to the origin.</summary>
    public void Kill()
    {
        _server.Kill();
        _origin.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _origin.Dispose();
        _plain.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "";
        if (path == GeneratingPath)
        {
            await context.Response.WriteAsync(Generating.ToString(CultureInfo.InvariantCulture));
            return;
        }

        if (!path.StartsWith("/item/", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        string key = path["/item/".Length..];
        PlainRead plain = _plain.Read(key);
        (int status, string text, bool waited, TimeSpan took) = await ReadAsync(key, context.RequestAborted);
        context.Response.StatusCode = status;
        context.Response.Headers[ReadHeader] = new ReadReport(waited, took, plain).ToString();
        context.Response.ContentLength = text.Length;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task<(int Status, string Text, bool Waited, TimeSpan Took)> ReadAsync(string key, CancellationToken cancellationToken)
    {
        bool waited = true;
        long start = Stopwatch.GetTimestamp();
        int status = StatusCodes.Status200OK;
        string text;
        try
        {
            ValueTask<string> read = _cache.GetOrCreateAsync(
                key, (Node: this, Key: key), static (state, ct) => state.Node.AskOriginAsync(state.Key, ct), cancellationToken: cancellationToken);
            waited = !read.IsCompleted;
            text = await read;
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // The origin's failure, here or as another node heard it, is in the message; so is what should not have happened.
            status = StatusCodes.Status502BadGateway;
            text = $"{error.GetType().Name}: {error.Message}";
        }

        return (status, text, waited, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Asks the origin for the value of a key. The value tells how long that took: its life begins after it.</summary>
    /// <exception cref="OriginFailedException">It fails.</exception>
    public async ValueTask<string> AskOriginAsync(string key, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _generating);
        long start = Stopwatch.GetTimestamp();
        try
        {
            using HttpResponseMessage response = await _origin.GetAsync(new Uri("/value/" + key, UriKind.Relative), cancellationToken);
            string text = await response.Content.ReadAsStringAsync(cancellationToken);
            return response.IsSuccessStatusCode
                ? OriginAnswer.WithTimeToMake(text, Stopwatch.GetElapsedTime(start))
                : throw new OriginFailedException(text);
        }
        finally
        {
            Interlocked.Decrement(ref _generating);
        }
    }
}

/// <summary>The origin failed; the message is its answer.</summary>
internal sealed class OriginFailedException(string message) : Exception(message);
