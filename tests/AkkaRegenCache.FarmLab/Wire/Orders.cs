namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>How the entries of a scenario live, in milliseconds, and how long their generator takes.</summary>
internal sealed record EntryLife(int Interval, int Retention, int Tolerance, int Generator)
{
    public RegenEntryOptions ToOptions() => new()
    {
        RegenerationInterval = TimeSpan.FromMilliseconds(Interval),
        InactiveRetention = TimeSpan.FromMilliseconds(Retention),
        ExpiryTolerance = TimeSpan.FromMilliseconds(Tolerance),
    };
}

/// <summary>Asks a node to read keys, each with so many callers at once.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Callers">Callers of each key.</param>
/// <param name="Life">How the entries live.</param>
/// <param name="StartAt">When to call, on the machine's monotonic clock; 0: at once.</param>
/// <param name="HoldReply">
/// Milliseconds to keep the reply back: writing and reading it takes this machine's time, which others may just then need to hear of the value.
/// </param>
/// <param name="IsLocal">Whether the generator makes the value in the node, without the origin (for measuring the cache alone).</param>
internal sealed record ReadOrder(
    string[] Keys, int Callers, EntryLife Life, long StartAt = 0, int HoldReply = 0, bool IsLocal = false);

/// <summary>What one caller got.</summary>
/// <param name="Key">What it asked for.</param>
/// <param name="Value">What it got; null with an error.</param>
/// <param name="Asked">When it called, on the machine's monotonic clock.</param>
/// <param name="Completed">When its call completed, in the node.</param>
/// <param name="IsHit">Whether the call was complete when it came back: the caller didn't wait.</param>
/// <param name="Error">Type and message of what was thrown.</param>
internal sealed record Answer(string Key, LabValue? Value, long Asked, long Completed, bool IsHit, string? Error);

/// <summary>What the callers of a <see cref="ReadOrder"/> got.</summary>
/// <param name="Node">Where.</param>
/// <param name="Answers">One for each caller.</param>
/// <param name="Stalls">When the node was starved since it told so last.</param>
internal sealed record ReadReply(string Node, Answer[] Answers, Stall[] Stalls);

/// <summary>Asks a node to read keys that nobody has read before, each once.</summary>
/// <param name="First">The first one's number.</param>
/// <param name="Count">How many.</param>
internal sealed record FloodOrder(int First, int Count);

/// <summary>What became of a <see cref="FloodOrder"/>.</summary>
internal sealed record FloodReply(string? Error);

/// <summary>Asks a node to let synchronous callers in threads of the pool wait for a key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Callers">How many.</param>
/// <param name="GeneratorMs">For how long their generator blocks its thread.</param>
/// <param name="StartAt">When, on the machine's monotonic clock.</param>
internal sealed record StarveOrder(string Key, int Callers, int GeneratorMs, long StartAt);

/// <summary>What became of a <see cref="StarveOrder"/>.</summary>
/// <param name="FirstMs">When the first was answered, from the start.</param>
/// <param name="LastMs">When the last was.</param>
/// <param name="Runs">Runs of the generator on this node.</param>
/// <param name="Values">How many different values they got.</param>
/// <param name="Error">What one of them got instead.</param>
internal sealed record StarveReply(double FirstMs, double LastMs, int Runs, int Values, string? Error);

/// <summary>What a node's process holds, after a collection.</summary>
internal sealed record MemoryReply(long ManagedBytes, long WorkingSet, long Entries);

/// <summary>Asks a node for a set, a removal or a refresh.</summary>
internal sealed record ChangeOrder(string Key, EntryLife Life);

/// <summary>What became of a change.</summary>
/// <param name="Started">Before the call, on the machine's monotonic clock.</param>
/// <param name="Returned">After it.</param>
/// <param name="Value">What was set, or what a refresh got.</param>
/// <param name="Accepted">Whether the store has taken it.</param>
/// <param name="IsPending">Whether it waits for the store.</param>
/// <param name="Token">The token of what stays.</param>
/// <param name="Error">Type and message of what was thrown.</param>
internal sealed record ChangeReply(long Started, long Returned, LabValue? Value, bool Accepted, bool IsPending, long Token, string? Error);

/// <summary>What a node says when asked whether it is ready.</summary>
/// <param name="Node">Its name.</param>
/// <param name="ProcessId">Its process.</param>
/// <param name="Now">Its clock.</param>
/// <param name="Frequency">The clock's ticks in a second.</param>
/// <param name="IsReady">Whether it is to be sent requests.</param>
/// <param name="IsOut">Whether its cluster has put it out for good: it goes on alone.</param>
internal sealed record Readiness(string Node, int ProcessId, long Now, long Frequency, bool IsReady, bool IsOut);

/// <summary>Asks a node which shards live there, and which shards some keys belong to.</summary>
internal sealed record ShardsOrder(string[] Keys);

/// <summary>Where a node stands in the cluster.</summary>
/// <param name="Count">How many shards the cluster has.</param>
/// <param name="Here">Those whose entity lives on this node.</param>
/// <param name="IsOldest">Whether this node is the oldest member: what gives shards their homes lives there.</param>
/// <param name="OfKeys">The shards of the keys asked for, in their order.</param>
internal sealed record ShardsReply(int Count, int[] Here, bool IsOldest, int[] OfKeys);
