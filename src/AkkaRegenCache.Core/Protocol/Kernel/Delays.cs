namespace AkkaRegenCache.Protocol;

/// <summary>Delays before another try, in ticks.</summary>
internal static class Delays
{
    /// <summary>After a try that failed or came too early.</summary>
    public static readonly long Retry = TimeSpan.FromMilliseconds(50).Ticks;

    /// <summary>After a failure of the store.</summary>
    public static readonly long Repair = TimeSpan.FromSeconds(1).Ticks;

    /// <summary>Work that waited for the store is spread over this time when it is back.</summary>
    public static readonly long Spread = TimeSpan.FromMilliseconds(200).Ticks;
}
