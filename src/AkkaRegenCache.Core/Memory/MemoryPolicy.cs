namespace AkkaRegenCache.Memory;

/// <summary>What the memory layer does with a new key when it is full.</summary>
internal enum MemoryPolicy
{
    /// <summary>Something else goes: see <see cref="AdaptiveS3Fifo"/>.</summary>
    Evict,

    /// <summary>The new key is refused. Keys that are there stay, and may still be replaced.</summary>
    StopAdmitting,
}
