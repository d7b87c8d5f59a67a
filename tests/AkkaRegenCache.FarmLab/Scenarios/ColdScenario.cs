using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// 50 callers on each node ask for the same cold key at the same instant, one key after another: all keys at once would measure how long two
/// cores take to run 7,500 callers, and not how soon a caller hears of a value. One run for each key, and the callers' wait after the run has ended.
/// </summary>
internal sealed class ColdScenario : IScenario
{
    private const int Callers = 50;
    private const double GoalMs = 10;
    private const double CoordinatedGoalMs = 5;
    private const int HoldMs = 30;

    public string Name => "cold";

    public string Summary => "50 callers on every node ask for a cold key at the same instant, 30 keys one after another";

    public FarmNeeds Needs { get; } = new(IsCompiled: true);

    public async Task RunAsync(Lab lab)
    {
        var life = new EntryLife(60_000, 600_000, 30_000, 100);
        var keys = lab.Keys("cold", 30);
        await lab.WarmUpAsync(Callers);
        foreach (var key in lab.Keys("warmup-cold", 20))
            await lab.ReadEverywhereAsync([key], Callers, life, isJudged: false, holdReply: HoldMs);
        var here = new List<double>();
        var elsewhere = new List<double>();
        var worst = new List<double>();
        foreach (var key in keys)
        {
            worst.Add(0);
            foreach (var reply in await lab.ReadEverywhereAsync([key], Callers, life, holdReply: HoldMs))
            {
                foreach (var answer in reply.Answers)
                {
                    if (answer.Value is not { } value)
                        continue;
                    var wait = LabClock.Milliseconds(answer.Completed - value.Ended);
                    (value.Node == reply.Node ? here : elsewhere).Add(wait);
                    worst[^1] = Math.Max(worst[^1], wait);
                }
            }
        }

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        var all = here.Concat(elsewhere).ToList();
        var report = lab.Report;
        report.IdealRuns = keys.Length;
        report.WaitAfterRunMsP50 = Percentile.Of(all, 0.5);
        report.WaitAfterRunMsP99 = Percentile.Of(all, 0.99);
        report.Details["callers"] = all.Count;

        // A key is 250 callers, and three of them are a hundredth: one key in a bad moment of the machine is the p99. This is the usual key's.
        report.Details["lastCallerOfAKeyMsP50"] = Percentile.Of(worst, 0.5) ?? 0;
        report.Details["waitMsMax"] = Percentile.Of(all, 1) ?? 0;
        report.Details["waitOnGeneratingNodeMsP50"] = Percentile.Of(here, 0.5) ?? 0;
        report.Details["waitOnGeneratingNodeMsP99"] = Percentile.Of(here, 0.99) ?? 0;
        report.Details["waitElsewhereMsP50"] = Percentile.Of(elsewhere, 0.5) ?? 0;
        report.Details["waitElsewhereMsP99"] = Percentile.Of(elsewhere, 0.99) ?? 0;
        if (report.Runs != keys.Length)
            lab.Break(2, $"{report.Runs} runs for {keys.Length} cold keys");
        if (report.Accepted is { } accepted && accepted != keys.Length)
            lab.Break(2, $"{accepted} accepted results for {keys.Length} cold keys");
        lab.Goal("wait after the run, p99 ms", report.WaitAfterRunMsP99, lab.Mode.HasCoordinators ? CoordinatedGoalMs : GoalMs);
    }
}
