namespace AkkaRegenCache.FarmLab;

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
}
