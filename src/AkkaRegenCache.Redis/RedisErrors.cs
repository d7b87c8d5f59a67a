using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Tells the errors of a server that is there and refuses an operation from those of one that can't serve. The first become a
/// <see cref="StoreRefusedException"/>: what can be read is read on, and nothing is repeated at once. All else goes through as it is and counts
/// against the store.
/// </summary>
/// <remarks>
/// <para>Refused, each of it while reads go on:</para>
/// <list type="bullet">
/// <item><c>OOM</c>: no memory, and nothing that may be evicted. A change waits; a value that was generated stays on its node.</item>
/// <item><c>READONLY</c>: a replica, most likely a master that was demoted, until the client has found the new one.</item>
/// <item><c>MISCONF</c>: writes are off because they can't be saved to disk.</item>
/// <item><c>NOREPLICAS</c>: writes are off because too few replicas follow.</item>
/// <item><c>NOPERM</c>: the user may not do this. Others of its operations may be allowed; where none is, each is refused at once, and nobody
/// waits for long.</item>
/// <item><c>WRONGTYPE</c>, <c>CROSSSLOT</c>: something under our names that can't be worked with. It concerns this key alone.</item>
/// </list>
/// <para>
/// Not so: <c>NOAUTH</c> (this connection may do nothing at all; another one may), <c>LOADING</c>, <c>BUSY</c>, <c>MASTERDOWN</c>,
/// <c>CLUSTERDOWN</c>, <c>TRYAGAIN</c>, <c>MOVED</c> and whatever is not known: the server may serve soon, or another will. Nor any error of the
/// connection, nor a timeout.
/// </para>
/// </remarks>
internal static class RedisErrors
{
    private static readonly string[] s_refusals = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM", "WRONGTYPE", "CROSSSLOT"];

    /// <summary>The commands that a user must be allowed to run; beside them the keys <c>~PREFIX:*</c> and the channels <c>&amp;PREFIX:notify:*</c>.</summary>
    public const string NeededCommands =
        "+ping +echo +client +eval +evalsha +subscribe +unsubscribe +publish +time +hmget +hmset +hset +hdel +get +set +del +getrange +pexpire +pttl +info";

    private const string NeededRights = $" Its user lacks a right; needed are {NeededCommands}, the keys ~PREFIX:* and the channels &PREFIX:notify:*.";

    private const string ScriptLacksRight = "The user executing the script can't ";

    /// <summary>Whether the server is there, but refuses the operation.</summary>
    public static bool IsRefusal(RedisServerException error) => IsRefusal(error.Message);

    /// <inheritdoc cref="IsRefusal(RedisServerException)"/>
    public static bool IsRefusal(string message)
    {
        foreach (var code in s_refusals)
        {
            if (message.StartsWith(code, StringComparison.Ordinal) && (message.Length == code.Length || message[code.Length] == ' '))
                return true;
        }

        // Redis 7's words for a right that the user lacks, where it is a script that needs it.
        if (message.Contains(ScriptLacksRight, StringComparison.Ordinal))
            return true;

        // What a script's command was told is inside of what the script's caller is told: "ERR Error running script (…): @user_script:9: -OOM command …"
        return message.StartsWith("ERR ", StringComparison.Ordinal)
            && message.Contains("user_script", StringComparison.Ordinal)
            && Array.Exists(s_refusals, code =>
                message.Contains($": {code} ", StringComparison.Ordinal) || message.Contains($": -{code} ", StringComparison.Ordinal));
    }

    /// <summary>The exception that says so to the cache.</summary>
    /// <param name="error">The server's.</param>
    /// <param name="script">Which operation.</param>
    /// <param name="key">Of which key.</param>
    public static StoreRefusedException Refused(RedisServerException error, string script, string key) =>
        new($"Redis refuses the {script} of '{key}': {error.Message}{(IsMissingRight(error.Message) ? NeededRights : "")}", error);

    private static bool IsMissingRight(string message) =>
        message.Contains("NOPERM", StringComparison.Ordinal) || message.Contains(ScriptLacksRight, StringComparison.Ordinal);
}
