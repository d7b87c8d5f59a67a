using System.Diagnostics.CodeAnalysis;

namespace AkkaRegenCache;

/// <summary>
/// Marks a store or a bus of this project's: its calls return at once, as tasks, whatever is behind them, so a node's loop may make them
/// itself. All others are foreign code and are called on the thread pool.
/// </summary>
[SuppressMessage("Design", "CA1040", Justification = "What it says is about all members.")]
internal interface IReturnsAtOnce;
