using System.Runtime.CompilerServices;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>An entry's options as the protocol needs them: resolved against the defaults, validated, in ticks (100 ns). Immutable.</summary>
internal sealed class EntryProfile
{
    /// <summary>The options object it was made from, as callers give it; null: the cache's defaults.</summary>
    public RegenEntryOptions? Options { get; init; }

    /// <summary>Whether options mean this profile: the same object, or an equal one, as a call that writes them inline brings each time.</summary>
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

    /// <summary>A regeneration starts up to this late, at random.</summary>
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
    /// How much later than the node that made the last value all others claim: normally they hear of the new value before, and the store is
    /// asked once per regeneration in the whole farm.
    /// </summary>
    public long Grace => Math.Min(Math.Max(Jitter + (Interval / 4), Jitter * 2), Jitter + TimeSpan.TicksPerSecond);

    /// <summary>
    /// Where coordinators keep the time: how much later the node that made the last value claims by itself, should it not have been asked to.
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
