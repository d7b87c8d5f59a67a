namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>What differs between farms.</summary>
internal sealed record FarmSettings
{
    /// <summary>For how long nodes can't be reached before the majority downs them.</summary>
    public TimeSpan DownAfter { get; init; } = FarmConfig.NeverDown;

    /// <summary>Whether notifications are lost, all of them.</summary>
    public bool IsDeaf { get; init; }

    /// <summary>Read timeouts are long where nothing is cut: a slow machine must not cause second runs.</summary>
    public RegenCacheOptions Options { get; init; } = new();

    public static RegenCacheOptions Patient => new()
    {
        StoreReadTimeout = TimeSpan.FromSeconds(20),
        StoreWriteTimeout = TimeSpan.FromSeconds(20),
        ClaimLease = TimeSpan.FromSeconds(20),
        LeaveTimeout = TimeSpan.FromSeconds(20),
    };
}
