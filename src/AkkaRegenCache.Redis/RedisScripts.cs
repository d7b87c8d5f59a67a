using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>One script: its text, and the hash under which Redis knows it once it has run there.</summary>
internal sealed class RedisScript
{
    // The name by which Redis knows a script, as its protocol demands; nothing is secured by it.
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
    /// Runs the script by its hash. A server that doesn't know it (it was restarted, a replica took over, the scripts were flushed) gets
    /// the whole text, with which it runs and learns it at once: there is no moment between loading and running.
    /// </summary>
    /// <param name="database">Where it runs.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="values">Its arguments.</param>
    /// <param name="unknown">Called where the server didn't know the script.</param>
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

/// <summary>The store's scripts, each with what they share before it.</summary>
internal sealed class RedisScripts
{
    /// <summary>Puts the scripts together.</summary>
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
