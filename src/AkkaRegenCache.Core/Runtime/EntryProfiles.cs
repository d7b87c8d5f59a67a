using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Runtime;

/// <summary>Resolves entry options against the cache's defaults. Equal options share a profile. Thread-safe.</summary>
internal sealed class EntryProfiles
{
    /// <summary>The most options that are remembered. There are more only if options are computed.</summary>
    private const int Remembered = 1024;

    private readonly ConcurrentDictionary<RegenEntryOptions, EntryProfile> _profiles = new();
    private readonly ConcurrentDictionary<(TimeSpan Retention, TimeSpan Interval), RegenEntryOptions> _pairs = new();
    private readonly RegenEntryOptions _defaults;
    private readonly double _jitterShare;

    public EntryProfiles(RegenCacheOptions options)
    {
        _defaults = options.DefaultEntryOptions;
        _jitterShare = options.JitterShare;
        Default = Make(_defaults, null);
    }

    public EntryProfile Default { get; }

    /// <exception cref="ArgumentException">An option is not usable; the message names it.</exception>
    public EntryProfile Resolve(RegenEntryOptions? options)
    {
        if (options is null)
            return Default;
        if (_profiles.TryGetValue(options, out var known))
            return known;
        var profile = Make(options, options);
        return _profiles.Count < Remembered ? _profiles.GetOrAdd(options, profile) : profile;
    }

    /// <summary>One options object for each pair that the synchronous entry point gets.</summary>
    public RegenEntryOptions OptionsFor(TimeSpan retention, TimeSpan interval)
    {
        if (_pairs.TryGetValue((retention, interval), out var known))
            return known;
        var options = new RegenEntryOptions { InactiveRetention = retention, RegenerationInterval = interval };
        Resolve(options);
        return _pairs.Count < Remembered ? _pairs.GetOrAdd((retention, interval), options) : options;
    }

    private EntryProfile Make(RegenEntryOptions options, RegenEntryOptions? given)
    {
        if (RegenCacheOptionsValidator.Errors(options) is { Count: > 0 } errors)
            throw new ArgumentException(string.Join(' ', errors), nameof(options));

        var interval = TicksOf(options.RegenerationInterval ?? _defaults.RegenerationInterval ?? TimeSpan.FromMinutes(1));
        var timeout = options.HardTimeout ?? _defaults.HardTimeout ?? Timeout.InfiniteTimeSpan;
        return new EntryProfile
        {
            Options = given,
            Interval = interval,
            Retention = TicksOf(options.InactiveRetention ?? _defaults.InactiveRetention ?? TimeSpan.FromMinutes(10)),
            Tolerance = TicksOf(options.ExpiryTolerance ?? _defaults.ExpiryTolerance ?? TimeSpan.FromSeconds(30)),
            MinimumForward =
                (options.MinimumForwardScheduling ?? _defaults.MinimumForwardScheduling ?? TimeSpan.FromMilliseconds(100)).Ticks,
            GenerationDeadline = (options.GenerationDeadline ?? _defaults.GenerationDeadline ?? TimeSpan.FromMinutes(5)).Ticks,
            HardTimeout = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue : timeout.Ticks,
            FailureBackoff = (options.FailureBackoff ?? _defaults.FailureBackoff ?? TimeSpan.Zero).Ticks,
            Jitter = Math.Min((long)(interval * _jitterShare), TimeSpan.TicksPerSecond),
            BackgroundWrites = options.BackgroundWrites ?? _defaults.BackgroundWrites ?? false,
            Size = options.Size ?? _defaults.Size,
        };
    }

    /// <summary>
    /// "Without end" is the longest duration that there is. Sums of a few of them are far from overflow everywhere: in ticks here, in
    /// Redis' microseconds (exact to 2^53), and as the expiry of a key.
    /// </summary>
    private static long TicksOf(TimeSpan duration) =>
        (duration == Timeout.InfiniteTimeSpan ? RegenEntryOptions.MaximumDuration : duration).Ticks;
}
