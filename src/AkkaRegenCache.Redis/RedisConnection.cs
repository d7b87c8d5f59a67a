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

    private readonly Lock _gate = new();
    private readonly Func<Task<IConnectionMultiplexer>>? _connect;
    private Task<IConnectionMultiplexer>? _connecting;
    private readonly bool _isOwn;
    private bool _isDisposed;

    public RedisConnection(IConnectionMultiplexer connection) => _connecting = Task.FromResult(connection);

    /// <summary>Connects by a function.</summary>
    /// <param name="connect">Makes the connection.</param>
    /// <param name="isOwn">Whether what it makes is disposed here.</param>
    public RedisConnection(Func<Task<IConnectionMultiplexer>> connect, bool isOwn)
    {
        _connect = connect;
        _isOwn = isOwn;
    }

    /// <summary>Connects by a configuration; where Redis doesn't answer, the connection is there all the same and comes to life later.</summary>
    public static RedisConnection To(string configuration)
    {
        var options = ConfigurationOptions.Parse(configuration);
        options.AbortOnConnectFail = false;

        // A command that is kept until the connection is back would hold up its caller, and do late what was given up.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // The client's own policy lets seconds pass between two tries. It looks once a second whether one is due, so there is no burst.
        options.ReconnectRetryPolicy = new LinearRetry(ReconnectMilliseconds);
        return new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false), isOwn: true);
    }

    /// <summary>Throws where no server is connected.</summary>
    public static void ThrowIfDisconnected(IConnectionMultiplexer connection)
    {
        if (!connection.IsConnected)
            throw new IOException("Redis is not connected.");
    }

    public Task<IConnectionMultiplexer> GetAsync()
    {
        var there = Volatile.Read(ref _connecting);
        if (there is { IsCompletedSuccessfully: true })
            return there;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);

            // On the pool, and in a context of its own: the function may block, and the connection outlives the caller who needs it first.
            if (_connecting is null or { IsFaulted: true } or { IsCanceled: true })
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
