using System.Collections.Concurrent;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The options of passive keys that have nothing but a time to live. One object for each lifetime: so a call that names a lifetime
/// allocates none. Thread-safe.
/// </summary>
internal static class LifetimeOptions
{
    /// <summary>So many different ones are remembered: more come only where lifetimes are computed.</summary>
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

        // The stored value lives for interval + tolerance; no retention is above the interval, so nothing regenerates it.
        var options = new RegenEntryOptions
        {
            RegenerationInterval = lifetime,
            InactiveRetention = TimeSpan.Zero,
            ExpiryTolerance = TimeSpan.Zero,
        };
        return s_options.Count < Remembered ? s_options.GetOrAdd(lifetime, options) : options;
    }
}
