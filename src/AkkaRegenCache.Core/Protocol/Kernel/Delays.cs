namespace AkkaRegenCache.Protocol;

/// <summary>How soon something is tried again, in ticks.</summary>
internal static class Delays
{
    /// <summary>Another try where the first one failed or was too early.</summary>
    public static readonly long Retry = TimeSpan.FromMilliseconds(50).Ticks;

    /// <summary>Something that failed for want of the store.</summary>
    public static readonly long Repair = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>When the store is back, what waited for it is spread over this.</summary>
    public static readonly long Spread = TimeSpan.FromMilliseconds(200).Ticks;
}
