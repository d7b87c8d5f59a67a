namespace AkkaRegenCache.Memory;

/// <summary>The outcome of <see cref="MemoryLayer.Set"/>.</summary>
internal enum SetOutcome
{
    /// <summary>The key had an entry, which holds the new value now.</summary>
    Replaced,

    /// <summary>The key is new, and has an entry now.</summary>
    Admitted,

    /// <summary>The key is new and was not admitted: the layer is full and stops admitting, or the value alone exceeds the bound.</summary>
    Refused,

    /// <summary>The key had an entry and the new value does not fit, so the entry was removed (it is not among the evicted).</summary>
    Dropped,
}
