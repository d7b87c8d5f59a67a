using System.Globalization;
using System.Text.RegularExpressions;

namespace AkkaRegenCache.Demo.Origin;

/// <summary>
/// What the origin says of a key: a value or a failure, with the key, a number, the origin's time and a checksum over them, so
/// that a client can tell the origin's own answer for its key from anything else. As text:
/// <c>value k17 3 5120 9f3c01aa</c> or <c>origin-failure k17 4 6200 1b77e09c</c>.
/// </summary>
internal readonly partial record struct OriginAnswer(bool IsFailure, string Key, long Version, long Milliseconds)
{
    public override string ToString()
    {
        string text = $"{(IsFailure ? "origin-failure" : "value")} {Key} {Version} {Milliseconds}";
        return $"{text} {Checksum(text):x8}";
    }

    /// <summary>Finds an answer in a text, which may have words around it (an exception's message). Null if there is none that is whole.</summary>
    public static OriginAnswer? Find(string text)
    {
        Match match = Pattern().Match(text);
        if (!match.Success)
            return null;

        var answer = new OriginAnswer(
            match.Groups[1].Value == "origin-failure",
            match.Groups[2].Value,
            long.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture),
            long.Parse(match.Groups[4].ValueSpan, CultureInfo.InvariantCulture));
        return answer.ToString() == match.Value ? answer : null;
    }

    /// <summary>The text of a value, with how long the node that asked for it waited for the origin.</summary>
    public static string WithTimeToMake(string text, TimeSpan took) =>
        string.Create(CultureInfo.InvariantCulture, $"{text} made-in {(long)took.TotalMilliseconds}");

    /// <summary>How long a node waited for the origin, in milliseconds; 0 if the text doesn't tell.</summary>
    public static long TimeToMake(string text) => TimeToMakePattern().Match(text) is { Success: true } match
        ? long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : 0;

    // FNV-1a: stable over processes, which string.GetHashCode is not.
    public static uint Checksum(string text)
    {
        uint hash = 2166136261;
        foreach (char c in text)
            hash = (hash ^ c) * 16777619;
        return hash;
    }

    [GeneratedRegex(@"\b(value|origin-failure) (\S+) (\d{1,18}) (\d{1,18}) [0-9a-f]{8}\b")]
    private static partial Regex Pattern();

    [GeneratedRegex(@" made-in (\d{1,18})$")]
    private static partial Regex TimeToMakePattern();
}
