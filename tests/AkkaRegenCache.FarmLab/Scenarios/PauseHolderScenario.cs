using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>
/// The node whose generator runs is stopped past its lease; another takes over and a newer value is stored. When the stopped node goes on, its late
/// result must be refused, and the node must come to show the newer value.
/// </summary>
internal sealed class PauseHolderScenario : IScenario
{
    private static readonly TimeSpan s_convergence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_lease = new RegenCacheOptions().ClaimLease;

    public string Name => "pause-holder";

    public string Summary => "SIGSTOP of the node whose generator runs, past its lease; it goes on when a newer value is there";

    public FarmNeeds Needs { get; } = new();

    public async Task RunAsync(Lab lab)
    {
        var life = new EntryLife(1_200_000, 600_000, 30_000, 1000);
        var rounds = lab.Options.Rounds ?? 3;
        await lab.WarmUpAsync(5);
        var (converged, keys) = await Holder.RoundsAsync(lab, "pause", rounds, key => RoundAsync(lab, key, life));

        var log = lab.Log(life, keys.Contains);
        lab.Judge(log);
        lab.Report.IdealRuns = rounds;
        lab.Report.StaleAfterHealMs = Percentile.Of(converged, 1);
        foreach (var key in log.Runs.GroupBy(run => run.Key).Where(key => key.Count() > 2))
            lab.Break(2, $"{key.Count()} runs of {key.Key} for one pause");
        foreach (var record in log.AcceptedOrShown.GroupBy(record => record.Key).Where(record => record.Count() != 1))
            lab.Break(1, $"{record.Count()} accepted results of {record.Key}: the paused node's late commit was not refused");
    }

    /// <returns>How long it took until the paused node showed the newer value, in ms; null: the generator had ended before the pause.</returns>
    private static async Task<double?> RoundAsync(Lab lab, string key, EntryLife life)
    {
        var order = new ReadOrder([key], 5, life, LabClock.After(TimeSpan.FromMilliseconds(30)));
        var first = await Holder.ChooseAsync(lab, key);
        var calls = lab.Farm.Nodes.Select(node => (Node: node, Reply: Holder.ReadAfterAsync(lab, first, node, order))).ToList();
        var holder = await Holder.OfAsync(lab, key);
        var paused = LabClock.Now;
        var end = Breaking.BeginPause(lab, holder);
        holder.Stop();
        if (Holder.HadEnded(lab, key, LabClock.Now))
        {
            holder.Continue();
            end();
            foreach (var (_, reply) in calls)
                lab.Journal.Add(await reply);
            return null;
        }

        var newerNumber = 0L;
        foreach (var (node, reply) in calls.Where(call => call.Node != holder))
        {
            var answers = await reply;
            lab.Journal.Add(answers);
            newerNumber = Math.Max(newerNumber, answers.Answers.Max(answer => answer.Value?.Number ?? 0));
        }

        // The callers have it before the store does.
        AcceptedRecord? newer = null;
        if (lab.Farm.Witness is { } watching)
        {
            await Wait.UntilAsync(() => watching.NewestOf(key) is not null, TimeSpan.FromSeconds(10), $"a newer value of {key} is stored", lab.Cancellation);
            newer = watching.NewestOf(key)!;
            newerNumber = newer.Number;
        }

        await Wait.UntilTimeAsync(paused + LabClock.Ticks(s_lease + TimeSpan.FromMilliseconds(500)), lab.Cancellation);

        var continued = LabClock.Now;
        holder.Continue();
        end();
        lab.Journal.Add(await calls.Single(call => call.Node == holder).Reply);

        // Its own callers are answered: the late commit, if it is tried, follows at once; readers then must come to see the newer value.
        var lastStale = continued;
        var deadline = continued + LabClock.Ticks(s_convergence);
        var isNewer = false;
        while (!isNewer && LabClock.Now < deadline)
        {
            var reply = await holder.ReadAsync(new ReadOrder([key], 1, life), lab.Cancellation);
            lab.Journal.Add(reply);

            // A stall that goes on is told again when it is over: what was told before has passed by then.
            deadline += reply.Stalls.Where(stall => stall.From >= continued).Sum(stall => stall.To - stall.From);
            isNewer = reply.Answers[0].Value?.Number == newerNumber;
            if (!isNewer)
                lastStale = LabClock.Now;
        }

        var took = LabClock.Milliseconds(lastStale - continued);
        if (!isNewer)
            lab.Break(6, $"{holder.Name} doesn't show number {newerNumber} of {key} {took:0} ms after it went on");

        // What it shows from now on is checked to the end of the pause's grace; and what is stored must be what was stored.
        await using (var load = ReadLoad.Start(lab, [key], life, TimeSpan.FromMilliseconds(50)))
        {
            await Wait.ForAsync(TimeSpan.FromSeconds(1.5), lab.Cancellation);
            await load.StopAsync(TimeSpan.FromSeconds(10));
        }

        if (newer is not null && lab.Farm.Witness!.NewestOf(key) is { } stored && stored.Token != newer.Token)
            lab.Break(1, $"token {stored.Token} of {key} was stored after {holder.Name} went on; token {newer.Token} was the newer value's");
        lab.Say($"{key}: {holder.Name} paused, went on after {LabClock.Milliseconds(continued - paused):0} ms, shows number {newerNumber} after {took:0} ms");
        return took;
    }
}
