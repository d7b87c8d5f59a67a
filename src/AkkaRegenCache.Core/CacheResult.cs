namespace AkkaRegenCache;

/// <summary>What <see cref="IRegenCache.TryGetAsync{T}"/> found; its default is "nothing". Null may be a found value.</summary>
/// <typeparam name="T">Type of the value.</typeparam>
/// <param name="Found">Whether there is a value.</param>
/// <param name="Value">The value, or default where there is none.</param>
public readonly record struct CacheResult<T>(bool Found, T? Value);

/// <summary>What became of a set or a removal.</summary>
/// <param name="Accepted">False where a newer value or removal had come first: it stays, this one is not stored. And false while it is pending.</param>
/// <param name="Token">The fencing token of what stays: this change's own where accepted, the winner's where not. 0 while it is pending.</param>
public readonly record struct ChangeResult(bool Accepted, long Token)
{
    /// <summary>
    /// Whether the external store has not taken it yet: it doesn't answer, or writes go on in the background. This node shows the change, and
    /// carries it to the store as soon as that answers. There it loses to what was set, removed or begun to be generated elsewhere after it was asked
    /// for, and to nothing else. A change that is pending when its process dies is lost.
    /// </summary>
    public bool IsPending { get; init; }
}
