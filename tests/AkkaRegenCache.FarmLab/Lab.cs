using System.Globalization;
using AkkaRegenCache.FarmLab.Checking;
using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab;

/// <summary>What a scenario works with: the farm, what it sees written down, and the report it fills.</summary>
internal sealed class Lab(LabOptions options, LabFarm farm, LabReport report, Action<string> say, CancellationToken cancellationToken)
{
    private const int MostTold = 20;

    public LabOptions Options { get; } = options;

    public INodeMode Mode { get; } = NodeModes.Find(options.Mode);

    public LabFarm Farm { get; } = farm;

    public LabReport Report { get; } = report;

    public Journal Journal { get; } = new();

    public CancellationToken Cancellation { get; } = cancellationToken;

    public Random Random { get; } = new(options.Seed);

    public TimeSpan Seconds(int otherwise) => TimeSpan.FromSeconds(Options.Seconds ?? otherwise);

    public int Interval(int otherwise) => Options.Interval is { } given ? (int)given.TotalMilliseconds : otherwise;

    public string[] Keys(string prefix, int otherwise) =>
        [.. Enumerable.Range(1, Options.Keys ?? otherwise).Select(i => $"{prefix}{i}")];

    public void Say(string line) => say(line);

    /// <summary>Has all nodes run all code of a read once, so that the first measured one doesn't wait for the compiler.</summary>
    public async Task WarmUpAsync(int callers)
    {
        var life = new EntryLife(60_000, 60_000, 30_000, 20);
        for (var round = 1; round <= 10; round++)
            await ReadEverywhereAsync([$"warmup{round}"], callers, life, isJudged: false);
    }

    /// <summary>Reads keys on all nodes at the same instant, and waits for all answers.</summary>
    public async Task<IReadOnlyList<ReadReply>> ReadEverywhereAsync(string[] keys, int callers, EntryLife life, bool isJudged = true, int holdReply = 0)
    {
        var order = new ReadOrder(keys, callers, life, LabClock.After(TimeSpan.FromMilliseconds(30)), holdReply);
        var replies = await Task.WhenAll(Farm.Nodes.Select(node => node.ReadAsync(order, Cancellation)));
        if (isJudged)
        {
            foreach (var reply in replies)
                Journal.Add(reply);
        }

        return replies;
    }

    public LabLog Log(EntryLife life, Func<string, bool> isMine)
    {
        var log = Journal.Snapshot(life, Farm.Runs, Farm.Witness);
        return log with
        {
            Runs = [.. log.Runs.Where(run => isMine(run.Key))],
            Accepted = log.Accepted is null ? null : [.. log.Accepted.Where(record => isMine(record.Key))],
        };
    }

    /// <summary>Counts, checks every promise that holds, and writes both into the report.</summary>
    public void Judge(LabLog log, Func<SeenAnswer, bool>? isAllowedError = null)
    {
        var wrong = Checks.OfAnswers.SelectMany(check => check.Check(log)).ToList();
        var broken = Checks.OfTheFarm.SelectMany(check => check.Check(log)).ToList();
        var errors = log.Answers.Where(answer => answer.Error is not null && isAllowedError?.Invoke(answer) != true).ToList();
        var lost = Journal.LostRequests;

        Report.Runs = log.Runs.Count(run => !run.IsSet);
        Report.Accepted = Mode.UsesRedis && log.Accepted is null ? null : log.AcceptedOrShown.Count(record => !record.IsRemoved && !record.IsSet);
        if (!Mode.UsesRedis)
            Report.Details["acceptedIsCountedBy"] = "readings";
        if (Mode.HasCoordinators)
            Report.Details["failover"] = Options.Failover;
        Report.Reads = log.Answers.Count;
        Report.WaitedReads ??= log.Answers.Count(answer => !answer.IsHit);
        Report.WrongAnswers = wrong.Count;
        Report.StarvedMs = Math.Round(LabClock.Milliseconds(log.Starvation.Total), 1);
        if (log.Starvation.Longest is { } longest)
        {
            Report.Details["starvedMost"] = string.Create(
                CultureInfo.InvariantCulture, $"{longest.Process}: {LabClock.Milliseconds(longest.Stall.To - longest.Stall.From):0} ms");
        }

        if (OneAcceptedPerInterval.CountRepairs(log) is > 0 and var repairs)
            Report.Details["repairsWithinAnInterval"] = repairs;
        Report.Errors = errors.Count + lost.Count;
        Break(wrong);
        Break(broken);
        Break(errors.Select(answer => new Violation(4, $"a read of {answer.Key} on {answer.Node} failed after "
            + $"{LabClock.Milliseconds(answer.Completed - answer.Asked):0} ms: {answer.Error}")));
        Break(lost.Select(what => new Violation(4, what)));
        TellStories(log, [.. wrong, .. broken]);
    }

    /// <summary>Checks what callers were answered, and counts nothing: for keys of which the farm may make more than one value in an interval.</summary>
    public void JudgeAnswers(LabLog log)
    {
        Break(Checks.OfAnswers.SelectMany(check => check.Check(log)));
        Break(log.Answers.Where(answer => answer.Error is not null).Select(answer =>
            new Violation(4, $"a read of {answer.Key} on {answer.Node} failed: {answer.Error}")));
    }

    public void Break(int promise, string what) => Break([new Violation(promise, what)]);

    public void Break(IEnumerable<Violation> violations)
    {
        foreach (var same in violations.GroupBy(violation => violation.Promise))
        {
            var told = 0;
            foreach (var violation in same)
            {
                if (++told <= MostTold)
                    Report.Violations.Add(violation.ToString());
            }

            if (told > MostTold)
                Report.Violations.Add($"promise {same.Key}: and {told - MostTold} more like these");
        }
    }

    /// <summary>What happened to the first keys of which a promise was broken, where so much is wanted.</summary>
    public void TellStories(LabLog log, IReadOnlyList<Violation> violations)
    {
        if (!Options.IsVerbose)
            return;
        const int Keys = 3;
        foreach (var violation in violations.Where(violation => violation.Key is not null).DistinctBy(violation => (violation.Promise, violation.Key)).Take(Keys))
        {
            Say($"--- {violation}");
            foreach (var line in Story.Of(log, violation.Key!))
                Say(line);
        }
    }

    /// <summary>Compares a figure with the project's goal.</summary>
    public void Goal(string name, double? figure, double most)
    {
        if (figure is null || figure > most)
            Report.GoalsMissed.Add(FormattableString.Invariant($"{name}: {figure:0.0}, goal {most:0.0}"));
    }
}
