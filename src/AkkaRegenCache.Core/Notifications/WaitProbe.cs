namespace AkkaRegenCache.Notifications;

/// <summary>
/// A probe that follows who waits for whom: from a generator's wait for another node's claim to that claim's run, to what this run waits for, and so on. When
/// it comes back to the wait it set out from, the generators wait for each other in a circle. Edge chasing: Chandy, Misra, Haas, "Distributed deadlock
/// detection", ACM TOCS 1 (2), 1983. Immutable.
/// </summary>
public sealed record WaitProbe
{
    /// <summary>The most keys that are named. Of a longer path the last one is, and an ellipsis stands for those before it.</summary>
    public const int MostKeys = 16;

    private const string LeftOut = "…";

    /// <summary>The node incarnation whose wait it set out from.</summary>
    public required string Initiator { get; init; }

    /// <summary>That node's number for the wait.</summary>
    public required long Wait { get; init; }

    /// <summary>How many probes have set out from this wait, this one included: each run passes one on once.</summary>
    public required int Round { get; init; }

    /// <summary>The greatest key (ordinal) of those waited for across nodes: the wait for it is the one that is to fail, where there is a circle.</summary>
    public required string Victim { get; init; }

    /// <summary>The keys of the runs it has passed, from the one that the initiator waits for; at most <see cref="MostKeys"/>.</summary>
    public IReadOnlyList<string> Path { get; init; } = [];

    /// <summary>The same, past one more run.</summary>
    internal WaitProbe Past(string key) =>
        this with { Path = Path.Count < MostKeys ? [.. Path, key] : [.. Path.Take(MostKeys - 2), LeftOut, key] };

    /// <summary>The same, about to cross to another node that has the run of a key.</summary>
    internal WaitProbe Across(string key) => string.CompareOrdinal(key, Victim) > 0 ? this with { Victim = key } : this;
}
