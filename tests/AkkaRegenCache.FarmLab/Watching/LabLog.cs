using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>An answer as the journal keeps it.</summary>
/// <param name="Node">The node incarnation that gave it.</param>
/// <param name="Key">What was asked for.</param>
/// <param name="Value">What came; null with an error.</param>
/// <param name="Asked">When the caller called, in the node.</param>
/// <param name="Completed">When its call completed.</param>
/// <param name="IsHit">Whether it didn't wait.</param>
/// <param name="Error">What was thrown.</param>
internal sealed record SeenAnswer(string Node, string Key, LabValue? Value, long Asked, long Completed, bool IsHit, string? Error);

/// <summary>A set, removal or refresh as the controller saw it.</summary>
/// <param name="Node">Where it was asked for.</param>
/// <param name="Kind"><c>set</c>, <c>remove</c> or <c>refresh</c>.</param>
/// <param name="Key">The key.</param>
/// <param name="Started">Before the call.</param>
/// <param name="Returned">After it.</param>
/// <param name="IsDone">Whether it returned without an error, and a set was accepted; else its outcome may be unknown.</param>
/// <param name="Number">The number of the value set; 0: none.</param>
/// <param name="Token">The token of the value set, where its result told; 0: unknown.</param>
/// <param name="Error">What was thrown.</param>
/// <param name="IsPending">Whether it returned before the store had taken it: the node carries it there.</param>
internal sealed record SeenChange(
    string Node, string Kind, string Key, long Started, long Returned, bool IsDone, long Number, long Token, string? Error, bool IsPending = false);

/// <summary>What was done to the farm.</summary>
internal enum FaultKind
{
    /// <summary>kill -9 of a node.</summary>
    Kill,

    /// <summary>SIGSTOP of a node.</summary>
    Pause,

    /// <summary>A node left by SIGTERM; no fault, but its claims may go back.</summary>
    Leave,

    /// <summary>The store didn't answer: Redis killed or stopped, or a node that hosts shards of a cluster without Redis.</summary>
    StoreDown,

    /// <summary>The store lost data: Redis all, a cluster without Redis the shards of the node that died.</summary>
    StoreLost,
}

/// <summary>A fault, and how long it lasted.</summary>
/// <param name="Kind">What.</param>
/// <param name="Node">The node it was done to; empty: Redis.</param>
/// <param name="From">From when.</param>
/// <param name="To">Until when; <see cref="long.MaxValue"/>: for good, or still.</param>
internal sealed record Fault(FaultKind Kind, string Node, long From, long To)
{
    public bool Touches(long from, long to, long grace) => from <= (To > long.MaxValue - grace ? To : To + grace) && to >= From;
}

/// <summary>
/// All that is known of a run, from all sides: the answers, the changes, the faults, the origin's log, what the store accepted.
/// </summary>
internal sealed record LabLog
{
    public IReadOnlyList<SeenAnswer> Answers { get; init; } = [];

    public IReadOnlyList<SeenChange> Changes { get; init; } = [];

    public IReadOnlyList<Fault> Faults { get; init; } = [];

    public IReadOnlyList<OriginRun> Runs { get; init; } = [];

    /// <summary>What the store accepted, in its own order; null: nobody watched.</summary>
    public IReadOnlyList<AcceptedRecord>? Accepted { get; init; }

    /// <summary>What was accepted as far as anybody can tell: by the store's witness, or else by readings (<see cref="Shown"/>).</summary>
    public IReadOnlyList<AcceptedRecord> AcceptedOrShown => Accepted ?? Shown.Of(this);

    /// <summary>When the store's lives after the first began.</summary>
    public IReadOnlyList<long> NewEpochs { get; init; } = [];

    /// <summary>When the machine had no time for the nodes, or for the lab.</summary>
    public Starvation Starvation { get; init; } = Starvation.None;

    /// <summary>How the entries live.</summary>
    public required EntryLife Life { get; init; }

    /// <summary>Redis' wall clock, in microseconds, as the machine's monotonic one.</summary>
    public Func<long, long> ToLabTime { get; init; } = static micros => micros * (System.Diagnostics.Stopwatch.Frequency / 1_000_000);

    /// <summary>
    /// Whether something was wrong with the store, or had been shortly before, at some time of a span. Nodes that were starved since had so
    /// much less of the grace.
    /// </summary>
    public bool StoreWasInDoubt(long from, long to, long grace, params string?[] nodes) => Faults.Any(
        fault => fault.Kind is FaultKind.StoreDown or FaultKind.StoreLost && IsFelt(fault, from, to, grace, nodes));

    /// <summary>The same of a node that was stopped.</summary>
    public bool WasPaused(string node, long from, long to, long grace) => Faults.Any(
        fault => fault.Kind == FaultKind.Pause && fault.Node == node && IsFelt(fault, from, to, grace, node));

    private bool IsFelt(Fault fault, long from, long to, long grace, params string?[] nodes) =>
        fault.Touches(from, to, grace) || (fault.To < from && fault.Touches(from, to, grace + Starvation.Within(fault.To, from, nodes)));
}

/// <summary>A promise of design section 2 that was broken.</summary>
/// <param name="Promise">Its number there.</param>
/// <param name="What">How.</param>
/// <param name="Key">The key it was about; null: none in particular.</param>
internal sealed record Violation(int Promise, string What, string? Key = null)
{
    public override string ToString() => $"promise {Promise}: {What}";
}
