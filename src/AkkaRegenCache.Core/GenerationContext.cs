namespace AkkaRegenCache;

/// <summary>
/// What a generator is told of its run, and what it may answer beside the value. Belongs to one run; not thread-safe, and of no use
/// after the generator has ended.
/// </summary>
public sealed class GenerationContext
{
    internal GenerationContext(string key, long token)
    {
        Key = key;
        Token = token;
    }

    /// <summary>The key whose value is made.</summary>
    public string Key { get; }

    /// <summary>
    /// The run's fencing token: strictly increasing per key within one epoch of the store, so that a resource which remembers the highest
    /// it has seen can refuse a late writer (Kleppmann, "How to do distributed locking", 2016). 0 where the store could not be asked.
    /// </summary>
    public long Token { get; }

    internal bool IsUncached { get; private set; }

    /// <summary>Return the value to all who wait, and store it nowhere.</summary>
    public void DoNotStore() => IsUncached = true;
}
