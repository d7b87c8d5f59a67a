using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.Redis;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>What Redis has to do: how often each command was called, from INFO; and which scripts, from a look at MONITOR.</summary>
internal static class RedisUse
{
    private static readonly string[] s_scripts = ["read", "claim", "renew", "commit", "release", "write", "invalidate", "touch", "check", "epoch"];

    // What a connection sends by itself: the difference of two counts holds them where scripts do too.
    private static readonly HashSet<string> s_own = ["info", "ping", "monitor", "config|get", "client|setname", "command"];

    /// <summary>Calls of each command since the server's start.</summary>
    public static async Task<Dictionary<string, long>> CountAsync(LabFarm farm, CancellationToken cancellationToken)
    {
        using var redis = await MiniRedis.ConnectAsync(farm.RedisHost, farm.RedisPort, cancellationToken);
        var info = await redis.CallTextAsync(cancellationToken, "INFO", "commandstats");
        return ParseCounts(info!);
    }

    public static Dictionary<string, long> ParseCounts(string info)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in info.Split("\r\n"))
        {
            const string Before = "cmdstat_";
            var colon = line.IndexOf(":calls=", StringComparison.Ordinal);
            if (!line.StartsWith(Before, StringComparison.Ordinal) || colon < 0)
                continue;
            var number = line[(colon + ":calls=".Length)..];
            counts[line[Before.Length..colon]] = long.Parse(number[..number.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        }

        return counts;
    }

    /// <summary>Whether a command came over the wire; the others are what scripts do, which costs no round trip.</summary>
    public static bool IsFromOutside(string command) =>
        command is "evalsha" or "eval" or "publish" or "subscribe" or "psubscribe" or "unsubscribe" or "script|load" or "echo" || s_own.Contains(command);

    /// <summary>Counts the calls of each script for a while. Listening costs Redis time: not at the same time as anything else is measured.</summary>
    public static async Task<Dictionary<string, long>> SampleScriptsAsync(LabFarm farm, TimeSpan time, CancellationToken cancellationToken)
    {
        var names = s_scripts.ToDictionary(HashOf, name => name, StringComparer.Ordinal);
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        using var redis = await MiniRedis.ConnectAsync(farm.RedisHost, farm.RedisPort, cancellationToken);
        await redis.CallAsync(cancellationToken, "MONITOR");
        long first = 0;
        while (true)
        {
            if (MonitorLine.Parse(await redis.ReadLineAsync(cancellationToken)) is not { } line)
                continue;
            if (first == 0)
                first = line.Micros;
            if (line.Micros - first > time.TotalMicroseconds)
                return counts;
            if (line.IsFromScript || line.Arguments.Count == 0)
                continue;
            var command = line.Arguments[0].ToLowerInvariant();
            var name = command == "evalsha" && line.Arguments.Count > 1
                ? names.GetValueOrDefault(line.Arguments[1].ToLowerInvariant(), "another script")
                : command;
            counts[name] = counts.GetValueOrDefault(name) + 1;
        }
    }

    // The scripts lie in the package as they are sent: what they share, before each.
#pragma warning disable CA5350 // The name by which Redis knows a script; nothing is secured by it.
    private static string HashOf(string name) =>
        Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(Load("clock") + Load("common") + Load(name))));
#pragma warning restore CA5350

    private static string Load(string name)
    {
        using var stream = typeof(RedisStore).Assembly.GetManifestResourceStream(name + ".lua")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd() + "\n";
    }
}
