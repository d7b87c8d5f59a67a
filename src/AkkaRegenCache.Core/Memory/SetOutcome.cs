namespace AkkaRegenCache.Memory;

/// <summary>What became of a value handed to <see cref="MemoryLayer.Set"/>.</summary>
internal enum SetOutcome
{
    /// <summary>The key was there: its entry holds the new value now.</summary>
    Replaced,

    /// <summary>The key is new, and has an entry now.</summary>
    Admitted,

    /// <summary>The key is new and was not let in: the layer is full and stops admitting, or the value alone is over the bound.</summary>
    Refused,

    /// <summary>The key was there, its new value does not fit, and so the entry is gone (it is not among the evicted).</summary>
    Dropped,
}
