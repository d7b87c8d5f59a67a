using System.Net;
using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AkkaRegenCache.FarmLab.Node;

/// <summary>The role <c>node</c>: a web server with the cache as an application would register it, and endpoints to use it from outside.</summary>
internal static class NodeProcess
{
    public static async Task<int> RunAsync(NodeArguments arguments)
    {
        _ = StallMeter.Own;

        // The empty builder: no configuration files and no environment variables (ASPNETCORE_URLS) reach into the lab.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<DrainingLifetime>();
        builder.Services.AddSingleton<IHostLifetime>(services => services.GetRequiredService<DrainingLifetime>());
        builder.Services.AddSingleton(arguments);
        builder.Services.AddSingleton<LabNode>();
        NodeModes.Find(arguments.Mode).Configure(
            builder.Services.AddRegenCache(NodeModes.Cache, options =>
            {
                if (arguments.Entries > 0)
                    options.MaximumEntries = arguments.Entries;
                if (arguments.Release > 0)
                    options.ValueFields = new NextRelease();
            }),
            arguments);

        await using var app = builder.Build();
        var node = app.Services.GetRequiredService<LabNode>();
        var lifetime = app.Services.GetRequiredService<DrainingLifetime>();
        var membership = app.Services.GetService<INodeMembership>();

        app.Use(async (context, next) =>
        {
            // The balancer's questions are no traffic: they go on until the node has left.
            if (context.Request.Path == "/ready")
            {
                await next(context);
                return;
            }

            lifetime.RequestBegan();
            try
            {
                await next(context);
            }
            finally
            {
                lifetime.RequestEnded();
            }
        });
        app.UseRouting();
        app.MapGet("/ready", async () =>
        {
            var isReady = !lifetime.IsLeaving && (membership is null || await membership.IsInAsync());
            var isOut = membership?.IsOut == true;
            var ready = new Readiness(
                arguments.Name, Environment.ProcessId, LabClock.Now, System.Diagnostics.Stopwatch.Frequency, isReady, isOut);
            return Results.Json(ready, statusCode: ready.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        app.MapPost("/read", async (ReadOrder order) => Results.Json(await node.ReadAsync(order)));
        app.MapPost("/shards", async (ShardsOrder order) => membership is null
            ? Results.StatusCode(StatusCodes.Status404NotFound)
            : Results.Json(await membership.ShardsAsync(order.Keys)));
        app.MapPost("/flood", async (FloodOrder order) => Results.Json(await node.FloodAsync(order)));
        app.MapPost("/starve", async (StarveOrder order) => Results.Json(await node.StarveAsync(order)));
        app.MapGet("/memory", () => Results.Json(node.Memory()));
        app.MapPost("/set", async (ChangeOrder order) => Results.Json(await node.SetAsync(order)));
        app.MapPost("/remove", async (ChangeOrder order) => Results.Json(await node.RemoveAsync(order)));
        app.MapPost("/refresh", async (ChangeOrder order) => Results.Json(await node.RefreshAsync(order)));

        await app.StartAsync();
        Console.WriteLine(ChildProcess.Listening + app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single());
        await app.WaitForShutdownAsync();
        return 0;
    }
}
