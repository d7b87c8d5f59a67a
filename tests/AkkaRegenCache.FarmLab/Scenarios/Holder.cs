namespace AkkaRegenCache.FarmLab;

/// <summary>Finds out where a generator runs: the origin's log tells.</summary>
internal static class Holder
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

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
