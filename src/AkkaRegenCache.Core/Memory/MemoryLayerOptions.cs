namespace AkkaRegenCache.Memory;

/// <summary>The bounds of a <see cref="MemoryLayer"/> and what it does when it reaches them.</summary>
internal sealed record MemoryLayerOptions
{
    /// <summary>The most entries, at least 1.</summary>
    public long MaxEntries { get; init; } = 100_000;

    /// <summary>The most bytes, as the sum of the sizes given with the values; null: not bounded.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>What happens to a new key when the layer is full.</summary>
    public MemoryPolicy Policy { get; init; }

    /// <summary>The secrets of the key hash; null (outside tests): drawn at random for each layer.</summary>
    public KeyHash? Hash { get; init; }
}
