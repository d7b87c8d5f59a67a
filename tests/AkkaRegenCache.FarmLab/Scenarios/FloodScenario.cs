using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// Distinct keys without end, as of a key that is taken from a URL: each read once, scheduled for ten minutes, on caches of 10,000 entries (or as many as are asked for). What a process holds
/// a second after the last one must not tell how many there were.
/// </summary>
internal sealed class FloodScenario : IScenario
{
    private const int Entries = 10_000;
    private const int KeysPerOrder = 10_000;

    /// <summary>Of what a node may hold for a key that is in memory: entry, value, tables, a record where the cluster is the store.</summary>
    private const long BytesPerEntry = 8_000;

    public string Name => "flood";

    public string Summary => "reads 1,000,000 distinct keys through caches of 10,000 entries; measures the bytes held a second later";

    public FarmNeeds Needs { get; } = new(IsWatched: false, IsOfOneProcess: true, Entries: Entries);

    public async Task RunAsync(Lab lab)
    {
        var nodes = lab.Farm.Nodes;
        var keys = lab.Options.Keys ?? 1_000_000;
        var entries = lab.Options.Entries ?? Entries;

        // Full, and warm: what is counted from here on is what the flood adds.
        await FloodAsync(lab, first: -2 * entries * nodes.Count, count: 2 * entries * nodes.Count);
        await Wait.ForAsync(TimeSpan.FromSeconds(1), lab.Cancellation);
        var before = await Task.WhenAll(nodes.Select(node => node.MemoryAsync(lab.Cancellation)));
        var start = LabClock.Now;
        await FloodAsync(lab, first: 0, count: keys);
        var seconds = LabClock.Since(start).TotalSeconds;
        await Wait.ForAsync(TimeSpan.FromSeconds(1), lab.Cancellation);
        var after = await Task.WhenAll(nodes.Select(node => node.MemoryAsync(lab.Cancellation)));

        var grown = after.Zip(before, (now, then) => now.ManagedBytes - then.ManagedBytes).ToList();
        lab.Report.Reads = keys;
        lab.Report.Details["keysPerSecond"] = Math.Round(keys / seconds);
        lab.Report.Details["entriesOfANodeMax"] = after.Max(memory => memory.Entries);
        lab.Report.Details["heldBytesOfANodeMax"] = after.Max(memory => memory.ManagedBytes);
        lab.Report.Details["grownBytesOfANodeMax"] = grown.Max();
        lab.Report.Details["workingSetOfANodeMax"] = after.Max(memory => memory.WorkingSet);
        if (after.Any(memory => memory.Entries > entries))
            lab.Break(12, $"a node holds {after.Max(memory => memory.Entries)} entries, and may {entries}");
        if (grown.Max() > entries * BytesPerEntry)
            lab.Break(12, $"{keys} keys that were read once have left {grown.Max()} bytes on a node whose cache was full before");
    }

    private static async Task FloodAsync(Lab lab, int first, int count)
    {
        var nodes = lab.Farm.Nodes;
        await Task.WhenAll(nodes.Select(async (node, place) =>
        {
            for (var from = first + (place * KeysPerOrder); from < first + count; from += nodes.Count * KeysPerOrder)
            {
                var reply = await node.FloodAsync(new FloodOrder(from, Math.Min(KeysPerOrder, first + count - from)), lab.Cancellation);
                if (reply.Error is { } error)
                    lab.Break(4, $"a read failed: {error}");
            }
        }));
    }
}
