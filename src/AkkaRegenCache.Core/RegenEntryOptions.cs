namespace AkkaRegenCache;

/// <summary>
/// Schedule, lifetime and limits of an entry. Immutable. A cache treats equal options as the same: written at a call they cost their allocation and one
/// comparison. A null property is taken from <see cref="RegenCacheOptions.DefaultEntryOptions"/>, else from the default named at the property.
/// </summary>
public sealed record RegenEntryOptions
{
    /// <summary>
    /// The longest duration that any option takes: 3650 days. <see cref="Timeout.InfiniteTimeSpan"/>, where an option takes it, means
    /// "without end" and is kept as this: from the last read, or from when the value was stored.
    /// </summary>
    public static readonly TimeSpan MaximumDuration = TimeSpan.FromDays(3650);

    /// <summary>
    /// How often the value of an active key is made again. Default: 1 minute. At least 1 millisecond.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: never; the value has no end.
    /// </summary>
    public TimeSpan? RegenerationInterval { get; init; }

    /// <summary>
    /// How long after the last read anywhere in the farm the key goes on being regenerated. Not above
    /// <see cref="RegenerationInterval"/>: the key is passive, never regenerated on a schedule. Default: 10 minutes. Reads are remembered
    /// to a quarter of a second. <see cref="Timeout.InfiniteTimeSpan"/>: the key is regenerated for ever, read or not.
    /// </summary>
    public TimeSpan? InactiveRetention { get; init; }

    /// <summary>
    /// How long past the interval a value lives: its lifetime is interval + tolerance, from the moment it was stored. It bridges the time
    /// until the next value is made, so it should exceed what the generator takes. Default: 30 seconds. 0 is allowed.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: a value has no end, and is shown until a newer one is there.
    /// </summary>
    public TimeSpan? ExpiryTolerance { get; init; }

    /// <summary>A due time is never nearer than this. 0 is allowed. Default: 100 milliseconds.</summary>
    public TimeSpan? MinimumForwardScheduling { get; init; }

    /// <summary>
    /// The longest a generator may run: then it is cancelled and all who wait get a <see cref="TimeoutException"/>. Default: 5 minutes.
    /// Never without end: a generator that hangs would keep its key for ever.
    /// </summary>
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
    /// Whether a set returns at once, before the external store has taken it: this node shows the value from then on, the others when the
    /// store has it. What it returns is <see cref="ChangeResult.IsPending"/>. Removals know the cache's default only. Default: false.
    /// </summary>
    public bool? BackgroundWrites { get; init; }

    /// <summary>
    /// The value's size in bytes, which counts against <see cref="RegenCacheOptions.MaximumBytes"/>. Set it for objects that are not serialized. Default:
    /// the serialized length, or that of a string or byte array, else 64.
    /// </summary>
    public int? Size { get; init; }
}
