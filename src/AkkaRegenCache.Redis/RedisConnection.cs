using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// A connection that is made at first use, and shared by all who use it. A try that failed is made again at the next use.
/// Thread-safe. Disposes what it has made, never what it was given.
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable, IDisposable
{
    /// <summary>How long after a failed try to connect the next may be made.</summary>
    private const int ReconnectMilliseconds = 250;

    /// <summary>How long a first connection is waited for before another is begun beside it.</summary>
    private static readonly TimeSpan s_nextTry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Func<Task<IConnectionMultiplexer>>? _connect;
    private Task<IConnectionMultiplexer>? _connecting;
    private Task? _ping;
    private readonly bool _isOwn;
    private volatile bool _isDisposed;

    public RedisConnection(IConnectionMultiplexer connection) => _connecting = Task.FromResult(connection);

    /// <summary>Connects by a function.</summary>
    /// <param name="connect">Makes the connection.</param>
    /// <param name="isOwn">Whether what it makes is disposed here.</param>
    public RedisConnection(Func<Task<IConnectionMultiplexer>> connect, bool isOwn)
    {
        _connect = connect;
        _isOwn = isOwn;
    }

    /// <summary>Connects by a configuration; where Redis doesn't answer, the connection is there all the same and comes to epoch later.</summary>
    public static RedisConnection To(string configuration)
    {
        var options = ConfigurationOptions.Parse(configuration);
        options.AbortOnConnectFail = false;

        // A command that is kept until the connection is back would hold up its caller, and do late what was given up.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // The client's own policy lets seconds pass between two tries. It looks once a second whether one is due, so there is no burst.
        options.ReconnectRetryPolicy = new LinearRetry(ReconnectMilliseconds);
        return new RedisConnection(() => ConnectAsync(options), isOwn: true);
    }

    /// <summary>Whether the application is asked for another connection where the one that it gave was disposed.</summary>
    public bool CanReconnect => _connect is not null && !_isOwn && !_isDisposed;

    /// <summary>Throws where no server is connected, and says why.</summary>
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

            // On the pool, and in a context of its own: the function may block, and the connection outlives the caller who needs it first.
            if (_connecting is null or { IsFaulted: true } or { IsCanceled: true } || (isGone && _connecting == there))
                _connecting = OwnContext.Run(() => Task.Run(_connect!));
            return _connecting;
        }
    }

    /// <summary>Whether both are the same connection to Redis.</summary>
    public bool IsSameAs(RedisConnection other)
    {
        if (ReferenceEquals(this, other))
            return true;
        var here = Volatile.Read(ref _connecting);
        var there = Volatile.Read(ref other._connecting);
        return here is { IsCompletedSuccessfully: true } && there is { IsCompletedSuccessfully: true } && ReferenceEquals(here.Result, there.Result);
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
                // There never was one.
            }
        }
    }

    public void Dispose()
    {
        if (Leave() is { IsCompletedSuccessfully: true } connected)
        {
            // Not waiting for commands under way: this is the synchronous form, which must not block.
            connected.Result.Close(allowCommandsToComplete: false);
            connected.Result.Dispose();
        }
    }

    /// <summary>
    /// The first connection. Where Redis refuses it, the client sometimes misses that and stands still for its whole connect timeout, though Redis is back
    /// long before. So another is begun beside it from time to time, and the first that is there is taken.
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

    /// <summary>Whether the application has disposed what its function found: it will find another one.</summary>
    private bool IsGone(IConnectionMultiplexer connection)
    {
        if (!CanReconnect || connection.IsConnected)
            return false;
        try
        {
            // The client has no other way to tell; where it is only disconnected, this does nothing that is waited for.
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
    /// The client tells why it isn't connected (a password, a certificate, a right) with the failure of a command alone. One that keeps commands until
    /// it is connected gets no second one meanwhile, and says it when that has failed.
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
