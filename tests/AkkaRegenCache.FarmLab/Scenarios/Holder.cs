using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>Finds out where a generator runs: the origin's log tells.</summary>
internal static class Holder
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>For how long the others are late, where the holder was chosen: it shall have its claim by then.</summary>
    private static readonly TimeSpan s_lead = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// A cluster without Redis loses a record with the node that hosts its shard, so there the holder must be another one: the key's reader who comes first.
    /// </summary>
    /// <returns>The node that must come first; null: any may.</returns>
    public static async Task<FarmNode?> ChooseAsync(Lab lab, string key)
    {
        if (lab.Mode.UsesRedis)
            return null;
        var homes = await ShardHomes.AskAsync(lab.Farm.Nodes, [key], lab.Cancellation);
        return lab.Farm.Nodes.Where(node => node != homes.HomeOfKey(0)).ElementAt(lab.Random.Next(lab.Farm.Nodes.Count - 1));
    }

    public static Task<ReadReply> ReadAfterAsync(Lab lab, FarmNode? first, FarmNode node, ReadOrder order) => node.ReadAsync(
        first is null || first == node ? order : order with { StartAt = order.StartAt + LabClock.Ticks(s_lead) }, lab.Cancellation);

    /// <summary>The node whose generator of a key runs for the first time.</summary>
    public static async Task<FarmNode> OfAsync(Lab lab, string key)
    {
        OriginRun? run = null;
        await Wait.UntilAsync(
            () => (run = lab.Farm.Runs.Read().FirstOrDefault(run => run.Key == key && !run.IsSet)) is not null,
            s_patience, $"a generator of {key} runs", lab.Cancellation);
        return lab.Farm.Nodes.Single(node => node.Name == run!.Node);
    }

    /// <summary>
    /// Whether a key's first generator had ended by a time: on a loaded machine the fault may come too late to meet it, and then the round says nothing.
    /// </summary>
    public static bool HadEnded(Lab lab, string key, long at) =>
        lab.Farm.Runs.Read().First(run => run.Key == key && !run.IsSet) is { Ended: { } ended, IsCancelled: false } && ended <= at;

    /// <summary>Repeats rounds that came too late for their generator, each on a key of its own, as often as there are rounds, and twice more.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="prefix">Before the keys' numbers.</param>
    /// <param name="rounds">How many must have been in time.</param>
    /// <param name="round">Plays one; null where it came too late.</param>
    /// <returns>What they returned, and the keys of those that were in time.</returns>
    public static async Task<(List<T> Results, HashSet<string> Keys)> RoundsAsync<T>(Lab lab, string prefix, int rounds, Func<string, Task<T?>> round)
        where T : struct
    {
        var results = new List<T>();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 1; results.Count < rounds; i++)
        {
            if (i > 2 * rounds + 2)
                throw new InvalidOperationException($"Of {i - 1} rounds only {results.Count} met a generator that ran: this machine is too slow for them.");
            var key = $"{prefix}{i}";
            if (await round(key) is { } result)
            {
                results.Add(result);
                keys.Add(key);
            }
            else
            {
                lab.Say($"{key}: the generator had ended before the fault; once more");
            }
        }

        return (results, keys);
    }
}
