using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

// In: a Waiter from Peer.Callers; and

/// <summary>A caller wants to set (or, payload null, remove) a key.</summary>
internal sealed class ChangeRequested(Waiter caller, CachePayload? payload, bool memoryOnly = false)
{
    public Waiter Caller { get; } = caller;

    public CachePayload? Payload { get; } = payload;

    /// <summary>Too large for the store: it forgets the key, this node's memory keeps the value.</summary>
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
/// The memory layer doesn't hold an entry (any more): evicted, or not admitted. The shell hands it over only if that is still so then.
/// </summary>
internal sealed class Evicted(string key, long lastRead)
{
    /// <summary>As <see cref="IAccessLog.LastRead"/> would have said.</summary>
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
    /// <summary>Not at all.</summary>
    None,

    /// <summary>With an error. Whether it was done is not known.</summary>
    Failed,

    /// <summary>No answer came in time. Whether it was or will be done is not known.</summary>
    TimedOut,

    /// <summary>The store is there, and doesn't want to do this.</summary>
    Refused,

    /// <summary>It was not sent: the store counts as down, or a change of the key must get there first.</summary>
    NotSent,
}

/// <summary>The store has answered, or an operation failed (answer null). Each call is replied to exactly once.</summary>
internal sealed class StoreReplied(StoreCall call, StoreAnswer? answer, StoreFault fault = StoreFault.None, Exception? error = null)
{
    public StoreCall Call { get; } = call;

    public StoreAnswer? Answer { get; } = answer;

    public StoreFault Fault { get; } = fault;

    public Exception? Error { get; } = error;
}

/// <summary>A claim was granted after its answer had been given up.</summary>
/// <param name="Call">The claim's call, which has been replied to as timed out.</param>
/// <param name="Answer">The answer that came late.</param>
internal sealed record LateGrant(ClaimCall Call, ClaimAnswer Answer);

/// <summary>
/// The node will leave: it takes nothing new upon itself, and what it is making is let come to its end. Answered by <see cref="Drained"/>.
/// </summary>
internal sealed class Drain
{
    public static readonly Drain Instance = new();
}

/// <summary>The node makes nothing any more.</summary>
internal sealed class Drained
{
    public static readonly Drained Instance = new();
}

/// <summary>The node leaves: claims are given back, nobody is left waiting.</summary>
internal sealed class Leave
{
    public static readonly Leave Instance = new();
}

/// <summary>A wait probe has come to a call inside a generator.</summary>
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

/// <summary>Cancel a run: its outcome doesn't matter any more.</summary>
internal sealed class CancelGenerator(long runId, bool hung)
{
    public long RunId { get; } = runId;

    /// <summary>Whether its deadline has passed, so that it counts as hung until it ends.</summary>
    public bool Hung { get; } = hung;
}

/// <summary>Hand a wait probe to all calls inside a run that wait: as <see cref="WaitProbed"/>, each to its own node.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Probe">The probe; null: what they wait for sends its own.</param>
internal sealed record RunProbed(long RunId, WaitProbe? Probe);

/// <summary>A call inside a generator waits for what waits for that generator. It fails.</summary>
/// <param name="Waiter">The call.</param>
/// <param name="Path">The keys from the one it asks for to that of its generator.</param>
internal sealed record DeadlockFound(Waiter Waiter, IReadOnlyList<string> Path);

/// <summary>Take a value into memory, in place of what is there.</summary>
internal sealed class Adopt(string key, long token, CachePayload payload, GeneratorSource? source, bool committed)
{
    public string Key { get; } = key;

    public long Token { get; } = token;

    public CachePayload Payload { get; } = payload;

    public GeneratorSource? Source { get; } = source;

    public bool Committed { get; } = committed;
}

/// <summary>Take an entry out of memory.</summary>
internal sealed class Drop(string key)
{
    public string Key { get; } = key;
}

/// <summary>Forget an entry's generator: the key is no longer regenerated here, until a hit brings one again.</summary>
internal sealed class Retire(string key)
{
    public string Key { get; } = key;
}

/// <summary>Answer callers: all of a chain, alike.</summary>
internal sealed class Answered(Waiter chain, AnswerKind kind)
{
    public Waiter Chain { get; } = chain;

    public AnswerKind Kind { get; } = kind;

    public CachePayload? Payload { get; init; }

    public GenerationFailure? Failure { get; init; }

    public Exception? Error { get; init; }

    public long Token { get; init; }

    public bool Accepted { get; init; }

    /// <summary>Of a change: the store hasn't taken it yet.</summary>
    public bool IsPending { get; init; }
}

/// <summary>The store counts as down from now on, or no longer. To be told to people.</summary>
internal sealed class StoreHealthChanged(bool isDown)
{
    public bool IsDown { get; } = isDown;
}

/// <summary>A generation has failed on this node. To be told to people.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Why">What it was for.</param>
/// <param name="Attempt">Consecutive failures of this key that this node knows of, this one included.</param>
/// <param name="NextTry">After how long it is tried again by itself; null: when somebody asks.</param>
/// <param name="Failure">What went wrong.</param>
internal sealed record GenerationFailedHere(string Key, ClaimReason Why, int Attempt, TimeSpan? NextTry, GenerationFailure Failure);
