using System.Globalization;
using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>Parses the scripts' replies. The first two parts of each are the epoch and a warning.</summary>
internal static class RedisAnswers
{
    // Longer than anything is kept, and small enough that sums with the time of day stay exact in Lua's numbers.
    private const long Longest = 100L * 366 * 24 * 3600 * 1_000_000;

    /// <summary>A duration in the scripts' unit. A positive one never becomes zero.</summary>
    public static RedisValue Micros(TimeSpan duration)
    {
        var ticks = duration.Ticks;
        var micros = ticks > 0 ? ((ticks - 1) / TimeSpan.TicksPerMicrosecond) + 1 : ticks / TimeSpan.TicksPerMicrosecond;
        return Math.Clamp(micros, -Longest, Longest);
    }

    public static StoreRecord? Record(RedisResult[] reply, int at)
    {
        if (reply.Length <= at)
            return null;
        return new StoreRecord
        {
            Payload = Text(reply[at]) == "1" ? null : CachePayload.FromBytes((byte[]?)reply[at + 5] ?? []),
            Token = Number(reply[at + 1]),
            FreshFor = Duration(Text(reply[at + 2])),
            DueIn = Text(reply[at + 3]) is { Length: > 0 } due ? Duration(due) : null,
            ActiveFor = Duration(Text(reply[at + 4])),
        };
    }

    public static ClaimAnswer Claim(RedisResult[] reply, string epoch) => Text(reply[2]) switch
    {
        "granted" => new ClaimAnswer { Epoch = epoch, Outcome = ClaimOutcome.Granted, Token = Number(reply[3]) },
        "held" => new ClaimAnswer
        {
            Epoch = epoch,
            Outcome = ClaimOutcome.Held,
            Token = Number(reply[3]),
            Owner = Text(reply[4]),
            Remaining = Duration(Text(reply[5])),
        },
        "fresh" => new ClaimAnswer { Epoch = epoch, Outcome = ClaimOutcome.Fresh, Record = Record(reply, 3) },
        _ => new ClaimAnswer
        {
            Epoch = epoch,
            Outcome = ClaimOutcome.BackingOff,
            Token = Number(reply[3]),
            Remaining = Duration(Text(reply[4])),
            Failure = reply.Length > 6 ? new GenerationFailure(Text(reply[5]), Text(reply[6])) : null,
        },
    };

    /// <summary>"1" or "0", token, due in or "-", active for.</summary>
    public static ChangeAnswer Change(RedisResult[] reply, string epoch)
    {
        var parts = Text(reply[2]).Split(' ');
        return new ChangeAnswer
        {
            Epoch = epoch,
            Accepted = parts[0] == "1",
            Token = Number(parts[1]),
            DueIn = parts[2] == "-" ? null : Duration(parts[2]),
            ActiveFor = Duration(parts[3]),
        };
    }

    public static TokenCheck Check(RedisResult part)
    {
        var text = Text(part);
        return text == "-" ? default : new TokenCheck(Number(text[1..]), text[0] == '1');
    }

    /// <summary>
    /// The number of receivers of a commit's announcement, or the error that prevented it; empty: there was none to send.
    /// </summary>
    public static string Announced(RedisResult[] reply) => reply.Length > 3 ? Text(reply[3]) : "";

    public static RecordWarning Warning(RedisResult part) => Text(part) switch
    {
        "1" => RecordWarning.Foreign,
        "2" => RecordWarning.Newer,
        "3" => RecordWarning.WrongType,
        "4" => RecordWarning.ForeignEpoch,
        _ => RecordWarning.None,
    };

    public static string Text(RedisResult part) => (string?)part ?? "";

    private static long Number(RedisResult part) => Number(Text(part));

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static TimeSpan Duration(string micros) => TimeSpan.FromTicks(Number(micros) * TimeSpan.TicksPerMicrosecond);
}
