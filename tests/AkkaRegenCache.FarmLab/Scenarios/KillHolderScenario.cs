using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// The node process whose generator runs is killed while callers on all nodes wait. Another takes over when the lease ends; what is measured is the
/// time from the kill to the last answer of those who waited elsewhere.
/// </summary>
internal sealed class KillHolderScenario : IScenario
{
    private const double GoalMs = 4000;
    private const double FastGoalMs = 2000;
    private const int Callers = 10;

    public string Name => "kill-holder";

    public string Summary => "kill -9 of the node whose generator runs, while callers on the others wait";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var life = new EntryLife(1_200_000, 600_000, 30_000, 500);
        var rounds = lab.Options.Rounds ?? 5;
        await lab.WarmUpAsync(Callers);
        var (results, keys) = await Holder.RoundsAsync(lab, "kill", rounds, key => RoundAsync(lab, key, life));
        var takeovers = results.ConvertAll(result => result.Ms);
        var alone = results.Where(result => !result.IsHome).Select(result => result.Ms).ToList();

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        lab.Report.IdealRuns = rounds;
        lab.Report.TakeoverMs = Percentile.Of(takeovers, 1);
        lab.Report.Details["takeoverMsP50"] = Percentile.Of(takeovers, 0.5) ?? 0;
        if (lab.Mode.HasCoordinators)
        {
            lab.Report.Details["killedWithTheirCoordinator"] = takeovers.Count - alone.Count;
            lab.Report.Details["takeoverMsWhereTheCoordinatorLived"] = Percentile.Of(alone, 1) ?? 0;
        }

        lab.Report.Details["generatorMs"] = life.Generator;
        var twice = new List<Violation>();
        foreach (var key in log.Runs.GroupBy(run => run.Key).Where(key => key.Count() > 2))
            twice.Add(new Violation(2, $"{key.Count()} runs of {key.Key} for one kill", key.Key));
        foreach (var record in log.AcceptedOrShown.GroupBy(record => record.Key).Where(record => record.Count() != 1))
            twice.Add(new Violation(2, $"{record.Count()} accepted results of {record.Key}", record.Key));
        lab.Break(twice);
        lab.TellStories(log, twice);
        lab.Goal(
            "takeover ms", lab.Report.TakeoverMs, lab.Mode.HasCoordinators && lab.Options.Failover == Failovers.Fast ? FastGoalMs : GoalMs);
    }

    /// <returns>How long it took, and whether the key's coordinator died with the node; null: the generator had ended before the kill.</returns>
    private static async Task<(double Ms, bool IsHome)?> RoundAsync(Lab lab, string key, EntryLife life)
    {
        var order = new ReadOrder([key], Callers, life, LabClock.After(TimeSpan.FromMilliseconds(30)));
        var homes = lab.Mode.HasCoordinators ? await ShardHomes.AskAsync(lab.Farm.Nodes, [key], lab.Cancellation) : null;
        var first = await Holder.ChooseAsync(lab, key);
        var calls = lab.Farm.Nodes.Select(node => (Node: node, Reply: Holder.ReadAfterAsync(lab, first, node, order))).ToList();
        var holder = await Holder.OfAsync(lab, key);
        var healed = Breaking.BeginDeath(lab, holder);
        var killed = await holder.KillAsync();
        var isLate = Holder.HadEnded(lab, key, killed);
        var last = killed;
        foreach (var (node, reply) in calls)
        {
            try
            {
                var answers = await reply;
                lab.Journal.Add(answers);
                last = Math.Max(last, answers.Answers.Max(answer => answer.Completed));
                if (node == holder && !isLate)
                    throw new InvalidOperationException($"{node.Name} was killed and answered.");
            }
            catch (HttpRequestException) when (node == holder)
            {
                // It is dead.
            }
        }

        var takeover = LabClock.Milliseconds(last - killed);
        lab.Say($"{key}: {holder.Name}{(homes?.HomeOfKey(0) == holder ? ", with the key's coordinator," : "")} killed; the others served after {takeover:0} ms");
        await lab.Farm.StartNodeAsync(holder.Slot, lab.Cancellation);
        if (lab.Mode.HasCoordinators && await ShardHomes.SettleAsync(lab.Farm, lab.Cancellation) is { } unsettled)
            lab.Say(unsettled);
        healed();
        return isLate ? null : (takeover, homes?.HomeOfKey(0) == holder);
    }
}
