using System.Collections.Concurrent;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The options of passive keys with a lifetime only. There is one object for each lifetime, so that a call with a lifetime allocates none.
/// Thread-safe.
/// </summary>
internal static class LifetimeOptions
{
    /// <summary>The most lifetimes that are remembered. There are more only if lifetimes are computed.</summary>
    private const int Remembered = 1024;

    private static readonly ConcurrentDictionary<TimeSpan, RegenEntryOptions> s_options = new();

    /// <exception cref="ArgumentOutOfRangeException">The lifetime is not usable.</exception>
    public static RegenEntryOptions Of(TimeSpan lifetime) => s_options.TryGetValue(lifetime, out var known) ? known : Make(lifetime);

    private static RegenEntryOptions Make(TimeSpan lifetime)
    {
        var least = TimeSpan.FromMilliseconds(1);
        if (lifetime != Timeout.InfiniteTimeSpan && (lifetime < least || lifetime > RegenEntryOptions.MaximumDuration))
        {
            throw new ArgumentOutOfRangeException(
                nameof(lifetime),
                lifetime,
                $"The lifetime must be between {least} and {RegenEntryOptions.MaximumDuration}, or Timeout.InfiniteTimeSpan.");
        }

        // The stored value lives for interval + tolerance. The retention is not above the interval, so nothing regenerates it.
        var options = new RegenEntryOptions
        {
            RegenerationInterval = lifetime,
            InactiveRetention = TimeSpan.Zero,
            ExpiryTolerance = TimeSpan.Zero,
        };
        return s_options.Count < Remembered ? s_options.GetOrAdd(lifetime, options) : options;
    }
}
