namespace AkkaRegenCache;

/// <summary>What <see cref="IRegenCache.TryGetAsync{T}"/> found; its default is "nothing". Null may be a found value.</summary>
/// <typeparam name="T">Type of the value.</typeparam>
/// <param name="Found">Whether there is a value.</param>
/// <param name="Value">The value, or default where there is none.</param>
public readonly record struct CacheResult<T>(bool Found, T? Value);

/// <summary>What became of a set or a removal.</summary>
/// <param name="Accepted">Whether this change stays. False if a newer value or removal came first, and while the change is pending.</param>
/// <param name="Token">The fencing token of what stays: this change's own if accepted, else the winner's. 0 while the change is pending.</param>
public readonly record struct ChangeResult(bool Accepted, long Token)
{
    /// <summary>
    /// Whether the external store has not taken the change yet, because it doesn't answer or writes go on in the background. This node shows the change and
    /// delivers it when the store answers. There the change loses to what was set, removed or begun to be generated elsewhere after it was asked for, and to
    /// nothing else. A change that is pending when its process dies is lost.
    /// </summary>
    public bool IsPending { get; init; }
}
