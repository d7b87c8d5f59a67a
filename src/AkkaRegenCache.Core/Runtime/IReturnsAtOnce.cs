namespace AkkaRegenCache.Runtime;

/// <summary>
/// A store or a bus of this project's: its calls return at once, as tasks, whatever is behind them, so a node's loop may make them itself. All others are foreign
/// code: they are called on the thread pool, where one that blocks or throws delays or fails its own call only.
/// </summary>
internal interface IReturnsAtOnce
{
    /// <summary>Whether that is so of what it wraps, too.</summary>
    bool ReturnsAtOnce => true;

    /// <summary>Whether something is such a store or bus.</summary>
    static bool Is(object? what) => what is IReturnsAtOnce { ReturnsAtOnce: true };
}
