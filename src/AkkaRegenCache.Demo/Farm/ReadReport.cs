using System.Globalization;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>What a node tells of a read, as a response header: whether it waited, the microseconds the cache took, and the plain cache's part.</summary>
/// <param name="Waited">Whether the cache could not answer at once.</param>
/// <param name="Took">How long the cache took.</param>
/// <param name="Plain">What the plain cache made of the same request.</param>
internal readonly record struct ReadReport(bool Waited, TimeSpan Took, PlainRead Plain)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Waited ? 1 : 0)} {(long)Took.TotalMicroseconds} {(int)Plain}");

    /// <summary>Reads one. Null: it is none.</summary>
    public static ReadReport? Parse(string? text)
    {
        string[] parts = text?.Split(' ') ?? [];
        return parts.Length == 3
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long micros)
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int plain)
                ? new ReadReport(parts[0] == "1", TimeSpan.FromMicroseconds(micros), (PlainRead)plain)
                : null;
    }
}
