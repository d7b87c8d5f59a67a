using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// A shared connection that is opened at first use. A failed try is repeated at the next use. Thread-safe. It disposes the connections it
/// has opened, never those it was given.
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable, IDisposable
{
    /// <summary>The shortest time between two tries to connect.</summary>
    private const int ReconnectMilliseconds = 250;

    /// <summary>How long a first connection is awaited before another try is begun beside it.</summary>
    private static readonly TimeSpan s_nextTry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Func<Task<IConnectionMultiplexer>>? _connect;
    private Task<IConnectionMultiplexer>? _connecting;
    private Task? _ping;
    private readonly bool _isOwn;
    private volatile bool _isDisposed;

    public RedisConnection(IConnectionMultiplexer connection) => _connecting = Task.FromResult(connection);

    /// <summary>Connects with a function.</summary>
    /// <param name="connect">Opens the connection.</param>
    /// <param name="isOwn">Whether the connection is disposed here.</param>
    public RedisConnection(Func<Task<IConnectionMultiplexer>> connect, bool isOwn)
    {
        _connect = connect;
        _isOwn = isOwn;
    }

    /// <summary>
    /// Connects with a configuration. If Redis does not answer, the connection object exists all the same and connects later.
    /// </summary>
    public static RedisConnection To(string configuration)
    {
        var options = ConfigurationOptions.Parse(configuration);
        options.AbortOnConnectFail = false;

        // A queued command would delay its caller, and be done late after it was given up.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // The client's default policy waits seconds between two tries. It checks once a second if one is due, so there is no burst.
        options.ReconnectRetryPolicy = new LinearRetry(ReconnectMilliseconds);
        return new RedisConnection(() => ConnectAsync(options), isOwn: true);
    }

    /// <summary>Whether the application is asked for another connection after it disposed the one it gave.</summary>
    public bool CanReconnect => _connect is not null && !_isOwn && !_isDisposed;

    /// <summary>Throws with the reason if no server is connected.</summary>
    public void ThrowIfDisconnected(IConnectionMultiplexer connection)
    {
        if (connection.IsConnected)
            return;
        var reason = Reason(connection);
        throw new IOException($"Redis is not connected{(reason is null ? "" : $": {reason.GetBaseException().Message}")}.", reason);
    }

    public Task<IConnectionMultiplexer> GetAsync()
    {
        var there = Volatile.Read(ref _connecting);
        var isGone = false;
        if (there is { IsCompletedSuccessfully: true } && !(isGone = IsGone(there.Result)))
            return there;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);

            // On the pool and in its own context: the function may block, and the connection outlives the caller that needs it first.
            if (_connecting is null or { IsFaulted: true } or { IsCanceled: true } || (isGone && _connecting == there))
                _connecting = OwnContext.Run(() => Task.Run(_connect!));
            return _connecting;
        }
    }

    /// <summary>Whether both use the same connection to Redis.</summary>
    public bool IsSameAs(RedisConnection other)
    {
        if (ReferenceEquals(this, other))
            return true;
        var here = Volatile.Read(ref _connecting);
        var there = Volatile.Read(ref other._connecting);
        return here is { IsCompletedSuccessfully: true } && there is { IsCompletedSuccessfully: true }
            && ReferenceEquals(here.Result, there.Result);
    }

    public async ValueTask DisposeAsync()
    {
        if (Leave() is { } connecting)
        {
            try
            {
                var connection = await connecting.ConfigureAwait(false);
                await connection.CloseAsync().ConfigureAwait(false);
                connection.Dispose();
            }
            catch (Exception) when (connecting.IsFaulted || connecting.IsCanceled)
            {
                // No connection was opened.
            }
        }
    }

    public void Dispose()
    {
        if (Leave() is { IsCompletedSuccessfully: true } connected)
        {
            // Without waiting for commands under way: this is the synchronous form, which must not block.
            connected.Result.Close(allowCommandsToComplete: false);
            connected.Result.Dispose();
        }
    }

    /// <summary>
    /// Opens the first connection. If Redis refuses it, the client sometimes misses that and hangs for its whole connect timeout, long
    /// after Redis is back. So another try is begun beside it from time to time, and the first connection counts.
    /// </summary>
    private static async Task<IConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var tries = new List<Task<ConnectionMultiplexer>>();
        var end = Environment.TickCount64 + options.ConnectTimeout;
        do
        {
            tries.Add(ConnectionMultiplexer.ConnectAsync(options));
            using var waiting = new CancellationTokenSource();
            await Task.WhenAny([.. tries, Task.Delay(s_nextTry, waiting.Token)]).ConfigureAwait(false);
            await waiting.CancelAsync().ConfigureAwait(false);
        }
        while (!tries.Exists(static each => each.IsCompleted) && Environment.TickCount64 < end);
        var first = await Task.WhenAny(tries).ConfigureAwait(false);
        foreach (var late in tries.Where(each => each != first))
            _ = DisposeAsync(late);
        return await first.ConfigureAwait(false);

        static async Task DisposeAsync(Task<ConnectionMultiplexer> connecting)
        {
            await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (connecting.IsCompletedSuccessfully)
                await connecting.Result.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Whether the application has disposed the connection that its function returned: then the function is called again.
    /// </summary>
    private bool IsGone(IConnectionMultiplexer connection)
    {
        if (!CanReconnect || connection.IsConnected)
            return false;
        try
        {
            // The client has no other sign of that. If it is only disconnected, this command has no effect and is not awaited.
            _ = connection.GetDatabase().PingAsync(CommandFlags.FireAndForget);
            return false;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
        catch (RedisException)
        {
            return false;
        }
    }

    /// <summary>
    /// The reason why the client is not connected (a password, a certificate, a permission) comes with the failure of a command only. A
    /// client that queues commands gets no second one meanwhile, and reports the reason when the first has failed.
    /// </summary>
    private Exception? Reason(IConnectionMultiplexer connection)
    {
        var ping = Volatile.Read(ref _ping);
        if (ping is null or { IsCompleted: true })
        {
            try
            {
                var next = connection.GetDatabase().PingAsync();
                Volatile.Write(ref _ping, next);
                _ = next.ContinueWith(
                    static failed => _ = failed.Exception,
                    CancellationToken.None,
                    TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
                ping = next.IsCompleted ? next : ping;
            }
            catch (Exception e) when (e is RedisException or ObjectDisposedException)
            {
                return e;
            }
        }

        return ping?.Exception?.InnerException;
    }

    private Task<IConnectionMultiplexer>? Leave()
    {
        lock (_gate)
        {
            var mustClose = _isOwn && !_isDisposed;
            _isDisposed = true;
            return mustClose ? _connecting : null;
        }
    }
}
