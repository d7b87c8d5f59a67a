namespace AkkaRegenCache;

/// <summary>
/// Tells a generator about its run, and lets it answer more than a value. Belongs to one run; not thread-safe; of no use after the generator has ended.
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
    /// The run's fencing token: strictly increasing per key within one epoch of the store. A resource that remembers the highest token it has seen can refuse
    /// a late writer (Kleppmann, "How to do distributed locking", 2016). 0 if the store could not be asked.
    /// </summary>
    public long Token { get; }

    internal bool IsUncached { get; private set; }

    /// <summary>The value goes to all waiting callers and is stored nowhere.</summary>
    public void DoNotStore() => IsUncached = true;
}
