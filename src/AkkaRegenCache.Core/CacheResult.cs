namespace AkkaRegenCache;

/// <summary>What <see cref="IRegenCache.TryGetAsync{T}"/> found; its default is "nothing". Null may be a found value.</summary>
/// <typeparam name="T">Type of the value.</typeparam>
/// <param name="Found">Whether there is a value.</param>
/// <param name="Value">The value, or default where there is none.</param>
public readonly record struct CacheResult<T>(bool Found, T? Value);

/// <summary>What became of a set.</summary>
/// <param name="Accepted">False where a newer value or removal had come first: it stays, this one is not stored.</param>
/// <param name="Token">The fencing token of what stays: this value's own where accepted, the winner's where not.</param>
public readonly record struct SetResult(bool Accepted, long Token);
