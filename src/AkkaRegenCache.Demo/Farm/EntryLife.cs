namespace AkkaRegenCache.Demo.Farm;

/// <summary>How the demo's entries live: short enough that a run of 20 seconds sees several intervals.</summary>
internal static class EntryLife
{
    /// <summary>How often a value that is read is made again.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Long enough to bridge the worst that this demo does to one key: its regeneration fails (0.4 s) and is tried again after a second by the
    /// node that dies right then; its claim holds for the lease (3 s), then another node asks the origin (0.4 s). With jitter, about 6 s.
    /// </summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(7);

    /// <summary>How long after its last read anywhere a value is still made again: a key that is read once is made twice.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromSeconds(8);

    /// <summary>The longest a value lives. What the plain caches get as time to live, the most favourable for them.</summary>
    public static readonly TimeSpan Longest = Interval + Tolerance;

    public static readonly RegenEntryOptions Options = new()
    {
        RegenerationInterval = Interval,
        ExpiryTolerance = Tolerance,
        InactiveRetention = Retention,
    };
}
