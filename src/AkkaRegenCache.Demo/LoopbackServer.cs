using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace AkkaRegenCache.Demo;

/// <summary>A Kestrel on a free loopback port. It can be stopped as one stops a server, or die as a killed process does.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ConnectionContext> _connections = new();
    private readonly WebApplication _app;
    private volatile bool _isDead;

    private LoopbackServer(
        Action<IServiceCollection>? configure, Func<IServiceProvider, RequestDelegate> handler, Action<IEndpointRouteBuilder>? map)
    {
        // The empty builder: no configuration files and no environment variables (ASPNETCORE_URLS) reach into the demo.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(next => connection => Track(connection, next))));
        configure?.Invoke(builder.Services);

        // Several hosts live in this process, and none of them is the one that Ctrl-C is for.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        _app = builder.Build();
        if (map is null)
        {
            _app.Run(handler(_app.Services));
        }
        else
        {
            map(_app);
            _app.MapFallback(handler(_app.Services));
        }
    }

    public Uri Address { get; private set; } = null!;

    public IServiceProvider Services => _app.Services;

    public static async Task<LoopbackServer> StartAsync(
        Func<IServiceProvider, RequestDelegate> handler,
        Action<IServiceCollection>? configure = null,
        Action<IEndpointRouteBuilder>? map = null)
    {
        var server = new LoopbackServer(configure, handler, map);
        await server._app.StartAsync();
        server.Address = new Uri(server._app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single());
        return server;
    }

    /// <summary>Breaks every connection in the middle of whatever it carries, and takes no new one.</summary>
    public void Kill()
    {
        _isDead = true;
        foreach (ConnectionContext connection in _connections.Values)
            connection.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await _app.StopAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // What didn't end by now has nobody left who waits for it.
        }

        await _app.DisposeAsync();
    }

    private async Task Track(ConnectionContext connection, ConnectionDelegate next)
    {
        _connections[connection.ConnectionId] = connection;
        try
        {
            if (_isDead)
                connection.Abort();
            else
                await next(connection);
        }
        finally
        {
            _connections.TryRemove(connection.ConnectionId, out _);
        }
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
