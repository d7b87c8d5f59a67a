using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Distinguishes a server that is available and refuses an operation from one that can't serve. A refusal becomes a
/// <see cref="StoreRefusedException"/>: reads go on, and the operation is not repeated at once. Any other error is passed on and counts
/// against the store.
/// </summary>
/// <remarks>
/// <para>Refusals, while reads go on:</para>
/// <list type="bullet">
/// <item><c>OOM</c>: no memory, and nothing that may be evicted. A change waits; a value that was generated stays on its node.</item>
/// <item><c>READONLY</c>: a replica, most likely a master that was demoted, until the client has found the new one.</item>
/// <item><c>MISCONF</c>: writes are off because they can't be saved to disk.</item>
/// <item><c>NOREPLICAS</c>: writes are off because too few replicas follow.</item>
/// <item><c>NOPERM</c>: the user may not do this. Other operations may be allowed. If none is, each is refused at once, so no caller waits
/// for long.</item> /// <item><c>WRONGTYPE</c>, <c>CROSSSLOT</c>: unusable data under our names. It concerns this key only.</item>
/// </list>
/// <para>
/// No refusals are <c>NOAUTH</c> (this connection may do nothing at all, another one may), <c>LOADING</c>, <c>BUSY</c>, <c>MASTERDOWN</c>,
/// <c>CLUSTERDOWN</c>, <c>TRYAGAIN</c>, <c>MOVED</c> and unknown errors: the server may serve soon, or another one will. Neither is an
/// error of the connection or a timeout.
/// </para>
/// </remarks>
internal static class RedisErrors
{
    private static readonly string[] s_refusals = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM", "WRONGTYPE", "CROSSSLOT"];

    /// <summary>The commands that the user needs, beside the keys <c>~PREFIX:*</c> and the channels <c>&amp;PREFIX:notify:*</c>.</summary>
    public const string NeededCommands =
        "+ping +echo +client +eval +evalsha +subscribe +unsubscribe +publish +time +hmget +hmset +hset +hdel +get +set +del +getrange "
        + "+pexpire +pttl +info";

    private const string NeededRights =
        $" Its user lacks a right; needed are {NeededCommands}, the keys ~PREFIX:* and the channels &PREFIX:notify:*.";

    private const string ScriptLacksRight = "The user executing the script can't ";

    /// <summary>Whether the server is available but refuses the operation.</summary>
    public static bool IsRefusal(RedisServerException error) => IsRefusal(error.Message);

    /// <inheritdoc cref="IsRefusal(RedisServerException)"/>
    public static bool IsRefusal(string message)
    {
        foreach (var code in s_refusals)
        {
            if (message.StartsWith(code, StringComparison.Ordinal) && (message.Length == code.Length || message[code.Length] == ' '))
                return true;
        }

        // Redis 7's message if the user lacks a permission that a script needs.
        if (message.Contains(ScriptLacksRight, StringComparison.Ordinal))
            return true;

        // The error of a command inside a script is part of the script's error: "ERR Error running script (…): @user_script:9: -OOM command
        // …"
        return message.StartsWith("ERR ", StringComparison.Ordinal)
            && message.Contains("user_script", StringComparison.Ordinal)
            && Array.Exists(s_refusals, code =>
                message.Contains($": {code} ", StringComparison.Ordinal) || message.Contains($": -{code} ", StringComparison.Ordinal));
    }

    /// <summary>The exception for a refusal.</summary>
    /// <param name="error">The server's error.</param>
    /// <param name="script">The operation.</param>
    /// <param name="key">Its key.</param>
    public static StoreRefusedException Refused(RedisServerException error, string script, string key) =>
        new($"Redis refuses the {script} of '{key}': {error.Message}{(IsMissingRight(error.Message) ? NeededRights : "")}", error);

    private static bool IsMissingRight(string message) =>
        message.Contains("NOPERM", StringComparison.Ordinal) || message.Contains(ScriptLacksRight, StringComparison.Ordinal);
}
