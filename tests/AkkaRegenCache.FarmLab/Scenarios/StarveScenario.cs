using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// 150 synchronous callers on every node, all in threads of the pool, in processes that have just started: as many threads as the pool has are blocked, and
/// more come at its own slow pace. Whatever a caller waits for must not need one of them.
/// </summary>
internal sealed class StarveScenario : IScenario
{
    private const int Callers = 150;
    private const int GeneratorMs = 100;

    public string Name => "starve";

    public string Summary => "150 synchronous callers on every node block the pool's threads for one cold key, then for another";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var firsts = new List<double>();
        var lasts = new List<double>();
        foreach (var key in lab.Keys("starve", 2))
        {
            var order = new StarveOrder(key, Callers, GeneratorMs, LabClock.After(TimeSpan.FromMilliseconds(50)));
            var replies = await Task.WhenAll(lab.Farm.Nodes.Select(node => node.StarveAsync(order, lab.Cancellation)));
            firsts.Add(replies.Min(reply => reply.FirstMs));
            lasts.Add(replies.Max(reply => reply.LastMs));
            lab.Report.Runs = (lab.Report.Runs ?? 0) + replies.Sum(reply => reply.Runs);
            lab.Report.Reads = (lab.Report.Reads ?? 0) + (Callers * replies.Length);
            if (replies.FirstOrDefault(reply => reply.Error is not null) is { Error: var error })
                lab.Break(4, $"a read failed: {error}");
        }

        var keys = firsts.Count;
        lab.Report.IdealRuns = keys;
        lab.Report.Details["firstAnswerMsMax"] = Math.Round(firsts.Max(), 1);
        lab.Report.Details["lastAnswerMsMax"] = Math.Round(lasts.Max(), 1);

        // Where the store's answer takes longer than a reader may be kept waiting, each node makes its own: once.
        if (lab.Report.Runs > keys * lab.Farm.Nodes.Count)
            lab.Break(2, $"{lab.Report.Runs} runs for {keys} cold keys on {lab.Farm.Nodes.Count} nodes");
        lab.Goal("runs", lab.Report.Runs, keys);
        lab.Goal("last answer, ms", lasts.Max(), 2000);
    }
}
