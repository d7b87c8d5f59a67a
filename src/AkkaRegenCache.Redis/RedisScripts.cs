using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>A script: its text, and the hash under which Redis knows it after its first run.</summary>
internal sealed class RedisScript
{
    // Redis' protocol identifies scripts by this hash. It secures nothing.
#pragma warning disable CA5350
    public RedisScript(string name, string text)
    {
        Name = name;
        Text = text;
        Hash = SHA1.HashData(Encoding.UTF8.GetBytes(text));
    }
#pragma warning restore CA5350

    public string Name { get; }

    public string Text { get; }

    public byte[] Hash { get; }

    /// <summary>
    /// Runs the script by its hash. A server that does not know it (a restart, a replica that took over, flushed scripts) gets the whole
    /// text, which it runs and remembers at once. So there is no gap between loading and running.
    /// </summary>
    /// <param name="database">The database to run it on.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="values">Its arguments.</param>
    /// <param name="unknown">Called if the server did not know the script.</param>
    public async Task<RedisResult[]> RunAsync(
        IDatabaseAsync database, RedisKey[] keys, RedisValue[] values, Func<Task>? unknown = null)
    {
        RedisResult result;
        try
        {
            result = await database.ScriptEvaluateAsync(Hash, keys, values).ConfigureAwait(false);
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            if (unknown is not null)
                await unknown().ConfigureAwait(false);
            result = await database.ScriptEvaluateAsync(Text, keys, values, CommandFlags.NoScriptCache).ConfigureAwait(false);
        }

        return (RedisResult[]?)result ?? throw new InvalidOperationException($"Redis answered nothing to the script {Name}.");
    }
}

/// <summary>The store's scripts, each with the shared part before it.</summary>
internal sealed class RedisScripts
{
    /// <summary>Assembles the scripts.</summary>
    /// <param name="clock">Another clock, for tests; null: Redis' own.</param>
    public RedisScripts(string? clock = null)
    {
        var before = (clock ?? Load("clock")) + Load("common");
        RedisScript Make(string name) => new(name, before + Load(name));
        Read = Make("read");
        Claim = Make("claim");
        Renew = Make("renew");
        Commit = Make("commit");
        Release = Make("release");
        Write = Make("write");
        Invalidate = Make("invalidate");
        Touch = Make("touch");
        Check = Make("check");
        Epoch = Make("epoch");
    }

    public static RedisScripts Default { get; } = new();

    public RedisScript Read { get; }

    public RedisScript Claim { get; }

    public RedisScript Renew { get; }

    public RedisScript Commit { get; }

    public RedisScript Release { get; }

    public RedisScript Write { get; }

    public RedisScript Invalidate { get; }

    public RedisScript Touch { get; }

    public RedisScript Check { get; }

    public RedisScript Epoch { get; }

    private static string Load(string name)
    {
        using var stream = typeof(RedisScripts).Assembly.GetManifestResourceStream(name + ".lua")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd() + "\n";
    }
}
