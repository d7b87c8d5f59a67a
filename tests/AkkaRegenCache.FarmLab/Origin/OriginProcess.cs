using System.Collections.Concurrent;
using System.Globalization;
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

namespace AkkaRegenCache.FarmLab.Origin;

/// <summary>
/// The role <c>origin</c>: what the generators of all nodes ask. It numbers the generations of each key, takes the time it is told to, and
/// writes every one down when it begins and when it ends.
/// </summary>
internal static class OriginProcess
{
    public static async Task<int> RunAsync(string logPath)
    {
        using var log = new OriginLog.Writer(logPath);
        var numbers = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        await using var app = builder.Build();

        app.MapGet("/generate/{key}", async (HttpContext context, string key, string node, long token, int ms) =>
        {
            var begun = LabClock.Now;
            var number = numbers.AddOrUpdate(key, 1, static (_, before) => before + 1);
            log.Write(OriginLog.Line("begin", key, number, node, token, begun));
            try
            {
                await Task.Delay(ms, context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                log.Write(OriginLog.Line("end", key, number, node, token, LabClock.Now, "cancelled"));
                return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
            }

            var ended = LabClock.Now;
            log.Write(OriginLog.Line("end", key, number, node, token, ended, "ok"));
            return Results.Json(LabValue.Of(key, number, token, node, false, begun, ended));
        });
        app.MapGet("/mark/{key}", (string key, string node) =>
        {
            var now = LabClock.Now;
            var number = numbers.AddOrUpdate(key, 1, static (_, before) => before + 1);
            log.Write(OriginLog.Line("mark", key, number, node, 0, now));
            return Results.Json(LabValue.Of(key, number, 0, node, true, now, now));
        });

        await app.StartAsync();
        Console.WriteLine(ChildProcess.Listening + app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single());

        // The origin lives as long as whoever started it.
        await ParentWatch.EndOfInputAsync();
        return 0;
    }

    /// <summary>The path that a node asks for a generation.</summary>
    public static Uri Generate(string key, string node, long token, int milliseconds) => new(
        string.Create(CultureInfo.InvariantCulture, $"/generate/{key}?node={node}&token={token}&ms={milliseconds}"), UriKind.Relative);

    /// <summary>The path that a node asks for the number of a value to set.</summary>
    public static Uri Mark(string key, string node) => new($"/mark/{key}?node={node}", UriKind.Relative);
}
