using System.Diagnostics;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// One web server of the farm: an HTTP endpoint, its own service provider, and in it a cache as an application would register it. All
/// nodes share one store and one bus, which stand for what would be Redis between real machines.
/// </summary>
internal sealed class FarmNode : IAsyncDisposable
{
    /// <summary>The response header that says how the read went: a name of <see cref="WaitReason"/>.</summary>
    public const string ReadHeader = "X-Read";

    private readonly int _number;
    private readonly FarmStatistics _statistics;
    private readonly Lifeline _lifeline = new();
    private readonly HttpClient _origin;
    private readonly PlainCache _plain;
    private LoopbackServer _server = null!;
    private IRegenCache _cache = null!;
    private int _generating;

    private FarmNode(int number, Uri origin, FarmStatistics statistics)
    {
        _number = number;
        _statistics = statistics;
        _origin = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { BaseAddress = origin };
        _plain = new PlainCache(_origin, statistics.Plain);
    }

    /// <summary>A letter, from A on.</summary>
    public string Name => ((char)('A' + _number)).ToString();

    public Uri Address => _server.Address;

    public bool IsDead => _lifeline.IsCut;

    /// <summary>How many values this node is asking the origin for, each under a claim.</summary>
    public int Generating => Volatile.Read(ref _generating);

    public static async Task<FarmNode> StartAsync(
        int number, IExternalStore store, INotificationBus bus, Uri origin, FarmStatistics statistics)
    {
        var node = new FarmNode(number, origin, statistics);
        node._server = await LoopbackServer.StartAsync(
            services =>
            {
                node._cache = services.GetRequiredService<IRegenCache>();
                return node.AnswerAsync;
            },
            services => services.AddRegenCache("catalog", options =>
                {
                    options.DefaultEntryOptions = EntryLife.Options;

                    // A trace can bring a thousand new keys a second, and an interval later all of them are due.
                    options.MaximumBackgroundGenerations = 256;
                })
                .UseStore(new SeverableStore(store, node._lifeline))
                .UseNotifications(new SeverableBus(bus, node._lifeline)));
        return node;
    }

    /// <summary>
    /// Dies as a killed process does, from one moment to the next: nothing of it reaches the store, the bus, the origin or a client any
    /// more. It releases nothing; the claims that it held have to run out.
    /// </summary>
    public void Kill()
    {
        _lifeline.Cut();
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
        if (!path.StartsWith("/item/", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        string key = path["/item/".Length..];
        _plain.Read(key);
        (int status, string text, WaitReason waited) = await ReadAsync(key, context.RequestAborted);
        context.Response.StatusCode = status;
        context.Response.Headers[ReadHeader] = waited.ToString();
        context.Response.ContentLength = text.Length;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task<(int Status, string Text, WaitReason Waited)> ReadAsync(string key, CancellationToken cancellationToken)
    {
        WaitReason waited = _statistics.Log.Begin(key, _number);
        long start = Stopwatch.GetTimestamp();
        int status = StatusCodes.Status200OK;
        string text;
        try
        {
            ValueTask<string> read = _cache.GetOrCreateAsync(
                key, (Node: this, Key: key), static (state, ct) => state.Node.AskOriginAsync(state.Key, ct), cancellationToken: cancellationToken);
            if (read.IsCompleted)
                waited = WaitReason.None;
            text = await read;
            _statistics.Log.Succeeded(key, _number, atOnce: waited == WaitReason.None);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // The origin's failure, here or as another node heard it, is in the message; so is what should not have happened.
            status = StatusCodes.Status502BadGateway;
            text = $"{error.GetType().Name}: {error.Message}";
        }

        _statistics.CacheTimes.Record(Stopwatch.GetElapsedTime(start));
        _statistics.Read(waited);
        return (status, text, waited);
    }

    private async ValueTask<string> AskOriginAsync(string key, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _generating);
        try
        {
            using HttpResponseMessage response = await _origin.GetAsync(new Uri("/value/" + key, UriKind.Relative), cancellationToken);
            string text = await response.Content.ReadAsStringAsync(cancellationToken);
            return response.IsSuccessStatusCode ? text : throw new OriginFailedException(text);
        }
        finally
        {
            Interlocked.Decrement(ref _generating);
        }
    }
}

/// <summary>The origin failed; the message is its answer.</summary>
internal sealed class OriginFailedException(string message) : Exception(message);
