using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

// In: a Waiter from Peer.Callers; and

/// <summary>A caller wants to set (or, payload null, remove) a key.</summary>
internal sealed class ChangeRequested(Waiter caller, CachePayload? payload, bool memoryOnly = false)
{
    public Waiter Caller { get; } = caller;

    public CachePayload? Payload { get; } = payload;

    /// <summary>Whether the value is too large for the store: the store removes the key, and this node's memory keeps the value.</summary>
    public bool MemoryOnly { get; } = memoryOnly;
}

/// <summary>A caller has stopped waiting.</summary>
internal sealed class CallerLeft(Waiter caller)
{
    public Waiter Caller { get; } = caller;
}

/// <summary>A caller's hit brought a generator for a key that had none on this node.</summary>
internal sealed class GeneratorLearned(string key, GeneratorSource source)
{
    public string Key { get; } = key;

    public GeneratorSource Source { get; } = source;
}

/// <summary>
/// The memory layer does not hold an entry: it was evicted or not admitted. The shell delivers this only if it is still true then.
/// </summary>
internal sealed class Evicted(string key, long lastRead)
{
    /// <summary>The result that <see cref="IAccessLog.LastRead"/> would have given.</summary>
    public long LastRead { get; } = lastRead;

    public string Key { get; } = key;
}

/// <summary>How a run of a generator ended.</summary>
internal enum RunOutcome
{
    /// <summary>With a value.</summary>
    Made,

    /// <summary>With a value that must not be stored.</summary>
    Uncached,

    /// <summary>With a value that is too large for the store.</summary>
    TooLarge,

    /// <summary>With a failure.</summary>
    Failed,
}

/// <summary>A generator has ended.</summary>
internal sealed class GeneratorFinished(long runId, RunOutcome outcome, CachePayload? payload, GenerationFailure? failure)
{
    public long RunId { get; } = runId;

    public RunOutcome Outcome { get; } = outcome;

    public CachePayload? Payload { get; } = payload;

    public GenerationFailure? Failure { get; } = failure;
}

/// <summary>How a call of the store failed.</summary>
internal enum StoreFault
{
    /// <summary>It did not fail.</summary>
    None,

    /// <summary>With an error. Whether it was done is unknown.</summary>
    Failed,

    /// <summary>Without an answer in time. Whether it was or will be done is unknown.</summary>
    TimedOut,

    /// <summary>The store is available, but refuses this operation.</summary>
    Refused,

    /// <summary>It was not sent: the store is down, or a pending change of the key comes first.</summary>
    NotSent,
}

/// <summary>A call of the store has ended, with an answer or a fault (answer null). Each call gets exactly one reply.</summary>
internal sealed class StoreReplied(StoreCall call, StoreAnswer? answer, StoreFault fault = StoreFault.None, Exception? error = null)
{
    public StoreCall Call { get; } = call;

    public StoreAnswer? Answer { get; } = answer;

    public StoreFault Fault { get; } = fault;

    public Exception? Error { get; } = error;
}

/// <summary>A claim was granted after its call had timed out.</summary>
/// <param name="Call">The claim's call, whose reply was a timeout.</param>
/// <param name="Answer">The late answer.</param>
internal sealed record LateGrant(ClaimCall Call, ClaimAnswer Answer);

/// <summary>The node will leave: it begins nothing new, and its runs are left to finish. Answered by <see cref="Drained"/>.</summary>
internal sealed class Drain
{
    public static readonly Drain Instance = new();
}

/// <summary>The node has no runs any more.</summary>
internal sealed class Drained
{
    public static readonly Drained Instance = new();
}

/// <summary>The node leaves: claims are released and all callers are answered.</summary>
internal sealed class Leave
{
    public static readonly Leave Instance = new();
}

/// <summary>A wait probe has reached a call inside a generator.</summary>
/// <param name="Waiter">The call.</param>
/// <param name="Probe">The probe; null: the call's flight sends its own.</param>
internal sealed record WaitProbed(Waiter Waiter, WaitProbe? Probe);

/// <summary>A deadline may have come. The only message without content.</summary>
internal sealed class Tick
{
    public static readonly Tick Instance = new();
}

// Out: a StoreCall to Peer.Store, a CacheNotification to Peer.Bus, and

/// <summary>Run a generator.</summary>
internal sealed class RunGenerator(long runId, string key, long token, GeneratorSource source)
{
    public long RunId { get; } = runId;

    public string Key { get; } = key;

    /// <summary>The claim's token; 0: without the store.</summary>
    public long Token { get; } = token;

    public GeneratorSource Source { get; } = source;
}

/// <summary>Cancel a run: its outcome is not needed any more.</summary>
internal sealed class CancelGenerator(long runId, bool hung)
{
    public long RunId { get; } = runId;

    /// <summary>Whether it ran past its deadline, so that it counts as hung until it ends.</summary>
    public bool Hung { get; } = hung;
}

/// <summary>Deliver a wait probe to all calls inside a run that wait: as <see cref="WaitProbed"/>, each on its own node.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Probe">The probe; null: the calls' flights send their own.</param>
internal sealed record RunProbed(long RunId, WaitProbe? Probe);

/// <summary>A call inside a generator waits in a circle. It fails.</summary>
/// <param name="Waiter">The call.</param>
/// <param name="Path">The keys from the one that the call asks for to that of its generator.</param>
internal sealed record DeadlockFound(Waiter Waiter, IReadOnlyList<string> Path);

/// <summary>Put a value into memory, in place of the current one.</summary>
internal sealed class Adopt(string key, long token, CachePayload payload, GeneratorSource? source, bool committed)
{
    public string Key { get; } = key;

    public long Token { get; } = token;

    public CachePayload Payload { get; } = payload;

    public GeneratorSource? Source { get; } = source;

    public bool Committed { get; } = committed;
}

/// <summary>Remove an entry from memory.</summary>
internal sealed class Drop(string key)
{
    public string Key { get; } = key;
}

/// <summary>Forget an entry's generator: the key is not regenerated here until a hit brings a generator again.</summary>
internal sealed class Retire(string key)
{
    public string Key { get; } = key;
}

/// <summary>Answer the callers of a linked list, all in the same way.</summary>
internal sealed class Answered(Waiter chain, AnswerKind kind)
{
    public Waiter Chain { get; } = chain;

    public AnswerKind Kind { get; } = kind;

    public CachePayload? Payload { get; init; }

    public GenerationFailure? Failure { get; init; }

    public Exception? Error { get; init; }

    public long Token { get; init; }

    public bool Accepted { get; init; }

    /// <summary>For a change: whether it is pending.</summary>
    public bool IsPending { get; init; }
}

/// <summary>The store is down from now on, or available again. To be logged.</summary>
internal sealed class StoreHealthChanged(bool isDown)
{
    public bool IsDown { get; } = isDown;
}

/// <summary>A generation has failed on this node. To be logged.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Why">Why it ran.</param>
/// <param name="Attempt">The number of failures in a row of this key that this node knows of, with this one.</param>
/// <param name="NextTry">The delay until the next scheduled try; null: the next caller causes it.</param>
/// <param name="Failure">What went wrong.</param>
internal sealed record GenerationFailedHere(string Key, ClaimReason Why, int Attempt, TimeSpan? NextTry, GenerationFailure Failure);
