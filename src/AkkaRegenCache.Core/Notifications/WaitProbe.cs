namespace AkkaRegenCache.Notifications;

/// <summary>
/// A probe that follows waits: from a generator's wait for another node's claim to that claim's run, to what this run waits for, and so on.
/// If it returns to the wait that it started from, the generators wait for each other in a circle. Edge chasing: Chandy, Misra, Haas,
/// "Distributed deadlock detection", ACM TOCS 1 (2), 1983. Immutable.
/// </summary>
public sealed record WaitProbe
{
    /// <summary>The most keys in the path. A longer path keeps its last key, and an ellipsis for those before it.</summary>
    public const int MostKeys = 16;

    private const string LeftOut = "…";

    /// <summary>The node incarnation that started the probe.</summary>
    public required string Initiator { get; init; }

    /// <summary>That node's number for the wait.</summary>
    public required long Wait { get; init; }

    /// <summary>The number of probes started for this wait, with this one. Each run passes each of them on once.</summary>
    public required int Round { get; init; }

    /// <summary>The greatest key (ordinal) that is waited for across nodes. In a circle, the wait for it fails.</summary>
    public required string Victim { get; init; }

    /// <summary>The keys of the runs it has passed, from the one that the initiator waits for; at most <see cref="MostKeys"/>.</summary>
    public IReadOnlyList<string> Path { get; init; } = [];

    /// <summary>The probe after one more run.</summary>
    internal WaitProbe Past(string key) =>
        this with { Path = Path.Count < MostKeys ? [.. Path, key] : [.. Path.Take(MostKeys - 2), LeftOut, key] };

    /// <summary>The probe before it is sent to another node that has the run of a key.</summary>
    internal WaitProbe Across(string key) => string.CompareOrdinal(key, Victim) > 0 ? this with { Victim = key } : this;
}
