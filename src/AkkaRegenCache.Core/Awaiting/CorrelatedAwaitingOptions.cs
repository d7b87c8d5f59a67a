namespace AkkaRegenCache.Awaiting;

/// <summary>How a topic of correlated messages is awaited on this node. Read once, at registration.</summary>
/// <typeparam name="TKey">Type of what correlates a message with its awaiters.</typeparam>
public sealed class CorrelatedAwaitingOptions<TKey>
    where TKey : notnull
{
    /// <summary>
    /// The longest an awaiter waits before it ends with a <see cref="TimeoutException"/>: at least 1 millisecond, at most 3650 days, or
    /// <see cref="Timeout.InfiniteTimeSpan"/>. It is the net below awaiters that were forgotten; callers have deadlines of their own.
    /// Default: 10 minutes.
    /// </summary>
    public TimeSpan MaximumLifetime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The most bytes of a serialized message that is sent to other nodes, and that is taken from them; the same on every node. A frame of
    /// Akka.Remote has 128,000 bytes unless it is set otherwise, and Akka drops what is larger with no more than a line in its log.
    /// Default: 100,000. At least 1.
    /// </summary>
    public int MaximumMessageBytes { get; set; } = 100_000;

    /// <summary>Compares keys; null: the default of <typeparamref name="TKey"/>. Default: null.</summary>
    public IEqualityComparer<TKey>? Comparer { get; set; }

    internal void Validate(string topic)
    {
        if (MaximumLifetime != Timeout.InfiniteTimeSpan
            && (MaximumLifetime < TimeSpan.FromMilliseconds(1) || MaximumLifetime > RegenEntryOptions.MaximumDuration))
        {
            throw new ArgumentException(
                $"Topic '{topic}': MaximumLifetime is {MaximumLifetime}; it must be between {TimeSpan.FromMilliseconds(1)} and "
                + $"{RegenEntryOptions.MaximumDuration}, or Timeout.InfiniteTimeSpan.");
        }

        if (MaximumMessageBytes < 1)
            throw new ArgumentException($"Topic '{topic}': MaximumMessageBytes is {MaximumMessageBytes}; it must be at least 1.");
    }
}
