using System.Runtime.CompilerServices;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// An entry's options in the form that the protocol uses: resolved against the defaults, validated, in ticks (100 ns). Immutable.
/// </summary>
internal sealed class EntryProfile
{
    /// <summary>The options object that it was made from; null: the cache's defaults.</summary>
    public RegenEntryOptions? Options { get; init; }

    /// <summary>Whether the options are the same object or an equal one, as with calls that create them inline each time.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool IsOf(RegenEntryOptions? options) => ReferenceEquals(Options, options) || (options is not null && options.Equals(Options));

    public required long Interval { get; init; }

    public required long Retention { get; init; }

    public required long Tolerance { get; init; }

    public required long MinimumForward { get; init; }

    public required long GenerationDeadline { get; init; }

    /// <summary><see cref="long.MaxValue"/>: none.</summary>
    public required long HardTimeout { get; init; }

    public required long FailureBackoff { get; init; }

    /// <summary>The longest random delay of a scheduled run.</summary>
    public required long Jitter { get; init; }

    /// <summary>Whether sets and removals return before the store has taken them.</summary>
    public bool BackgroundWrites { get; init; }

    /// <summary>Bytes, where the user knows them.</summary>
    public int? Size { get; init; }

    /// <summary>Whether the key is regenerated on a schedule; else it is passive.</summary>
    public bool IsScheduled => Retention > Interval;

    /// <summary>How long a stored value lives from its acceptance.</summary>
    public long Lifetime => Interval + Tolerance;

    /// <summary>
    /// How much later than the owner of the last value the other nodes claim. Normally they receive the new value before that, so the store
    /// is asked once per regeneration in the whole farm.
    /// </summary>
    public long Grace => Math.Min(Math.Max(Jitter + (Interval / 4), Jitter * 2), Jitter + TimeSpan.TicksPerSecond);

    /// <summary>
    /// With coordinators: how much later the owner of the last value claims by itself, if the coordinator did not ask it.
    /// </summary>
    public long OwnerGrace => Math.Min(Grace / 2, TimeSpan.TicksPerSecond / 2);

    public StoreSchedule ToSchedule(long activeFor) => new()
    {
        FreshFor = TimeSpan.FromTicks(Lifetime),
        Interval = IsScheduled ? TimeSpan.FromTicks(Interval) : null,
        MinimumForward = TimeSpan.FromTicks(MinimumForward),
        ActiveFor = TimeSpan.FromTicks(activeFor),
    };
}
