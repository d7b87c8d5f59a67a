using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>One server for all tests that only put something into it; each test has a key prefix of its own.</summary>
public sealed class SharedRedis : IAsyncLifetime
{
    private int _prefixes;

    public RedisServer Server { get; private set; } = null!;

    public ConnectionMultiplexer Connection { get; private set; } = null!;

    public IDatabase Database => Connection.GetDatabase();

    public string NewPrefix() => $"test{Interlocked.Increment(ref _prefixes)}";

    public async Task InitializeAsync()
    {
        if (RedisServer.WhyMissing is not null)
            return;
        Server = await RedisServer.StartNewAsync();
        Connection = await ConnectionMultiplexer.ConnectAsync(Server.Configuration);
    }

    public async Task DisposeAsync()
    {
        if (Server is null)
            return;
        await Connection.CloseAsync();
        Connection.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>A connection of a test's own, closed without waiting for anything.</summary>
internal sealed class Link(ConnectionMultiplexer connection) : IAsyncDisposable
{
    public ConnectionMultiplexer Connection => connection;

    public IServer Admin => connection.GetServer(connection.GetEndPoints()[0]);

    /// <param name="server">The server.</param>
    /// <param name="more">Is put behind its configuration.</param>
    /// <param name="configure">Changes what can't be said in it.</param>
    public static async Task<Link> ToAsync(RedisServer server, string more = "", Action<ConfigurationOptions>? configure = null) =>
        new(await ConnectionMultiplexer.ConnectAsync(server.Configuration + more, configure ?? (_ => { })));

    public async ValueTask DisposeAsync()
    {
        await connection.CloseAsync(allowCommandsToComplete: false);
        connection.Dispose();
    }
}

internal static class Eventually
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Asks until the answer is yes; an error is a no.</summary>
    public static async Task Holds(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        Exception? last = null;
        while (true)
        {
            try
            {
                if (await condition())
                    return;
                last = null;
            }
            catch (Exception e) when (e is RedisException or TimeoutException or IOException or SocketException)
            {
                last = e;
            }

            Assert.True(watch.Elapsed < (patience ?? s_patience), $"{what}; {last}");
            await Task.Delay(20);
        }
    }

    public static Task Holds(Func<bool> condition, string what) => Holds(() => Task.FromResult(condition()), what);
}

/// <summary>Keeps what was logged.</summary>
internal sealed class LogList : ILogger
{
    public ConcurrentQueue<string> Lines { get; } = [];

    public ConcurrentQueue<Exception> Exceptions { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Enqueue($"{logLevel}: {formatter(state, exception)}");
        if (exception is not null)
            Exceptions.Enqueue(exception);
    }
}
