namespace AkkaRegenCache;

/// <summary>
/// Schedule, lifetime and limits of an entry. Immutable. A cache treats equal options as the same: written at a call they cost their allocation and one
/// comparison. A null property is taken from <see cref="RegenCacheOptions.DefaultEntryOptions"/>, else from the default named at the property.
/// </summary>
public sealed record RegenEntryOptions
{
    /// <summary>The longest duration that any option takes: 3650 days.</summary>
    public static readonly TimeSpan MaximumDuration = TimeSpan.FromDays(3650);

    /// <summary>How often the value of an active key is made again. Default: 1 minute. At least 1 millisecond.</summary>
    public TimeSpan? RegenerationInterval { get; init; }

    /// <summary>
    /// How long after its last read anywhere in the farm a key goes on being regenerated. A key whose retention is not above its
    /// <see cref="RegenerationInterval"/> is passive: it is never regenerated on a schedule. Reads are remembered to a quarter of a second. Default: 10
    /// minutes.
    /// </summary>
    public TimeSpan? InactiveRetention { get; init; }

    /// <summary>
    /// How long past the interval a value lives: its lifetime is interval + tolerance from the moment it was stored. Readers get it until the next value is
    /// made, so the tolerance should exceed what the generator takes. 0 is allowed. Default: 30 seconds.
    /// </summary>
    public TimeSpan? ExpiryTolerance { get; init; }

    /// <summary>A due time is never nearer than this. 0 is allowed. Default: 100 milliseconds.</summary>
    public TimeSpan? MinimumForwardScheduling { get; init; }

    /// <summary>The longest a generator may run. Then it is cancelled, and all waiting callers get a <see cref="TimeoutException"/>. Default: 5 minutes.</summary>
    public TimeSpan? GenerationDeadline { get; init; }

    /// <summary>
    /// The longest a caller waits. Then it gets a <see cref="TimeoutException"/>; the generation goes on and its result is stored. Default: none
    /// (<see cref="Timeout.InfiniteTimeSpan"/>).
    /// </summary>
    public TimeSpan? HardTimeout { get; init; }

    /// <summary>
    /// How long after a failure new callers get that failure instead of a new run. 0: a failure goes to all waiting callers and is not kept. Scheduled
    /// regenerations that fail are tried again after 1 s, 2 s, 4 s … up to the interval, whatever this says. Default: 0.
    /// </summary>
    public TimeSpan? FailureBackoff { get; init; }

    /// <summary>
    /// Whether a set returns at once, as pending (<see cref="ChangeResult.IsPending"/>). This node shows the value from then on, the other nodes when the
    /// store has taken it. For removals only the cache's default entry options count. Default: false.
    /// </summary>
    public bool? BackgroundWrites { get; init; }

    /// <summary>
    /// The value's size in bytes, which counts against <see cref="RegenCacheOptions.MaximumBytes"/>. Set it for objects that are not serialized. Default:
    /// the serialized length, or that of a string or byte array, else 64.
    /// </summary>
    public int? Size { get; init; }
}
