using AkkaRegenCache.Demo.Farm;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace AkkaRegenCache.Demo.Reporting;

/// <summary>Shows the run as a table that changes in place, for a terminal.</summary>
internal static class LiveTable
{
    private const int EventsShown = 6;
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(500);

    public static async Task RunAsync(Figures figures, TimeSpan duration, Task run)
    {
        using var pacer = new PeriodicTimer(Refresh);
        long requestsBefore = 0;
        TimeSpan before = TimeSpan.Zero;
        await AnsiConsole.Live(new Text("starting")).StartAsync(async live =>
        {
            Task<bool> tick = pacer.WaitForNextTickAsync().AsTask();
            while (await Task.WhenAny(run, tick) == tick)
            {
                tick = pacer.WaitForNextTickAsync().AsTask();
                TimeSpan now = figures.Elapsed;
                long requests = figures.Load.Answered;
                live.UpdateTarget(Draw(figures, duration, (requests - requestsBefore) / (now - before).TotalSeconds));
                (requestsBefore, before) = (requests, now);
            }

            live.UpdateTarget(Draw(figures, duration, figures.Load.Answered / Math.Max(1, figures.Elapsed.TotalSeconds)));
        });
    }

    private static Rows Draw(Figures figures, TimeSpan duration, double perSecond)
    {
        FarmStatistics farm = figures.Farm;
        PlainStatistics plain = farm.Plain;
        Table table = new Table().RoundedBorder()
            .Title($"AkkaRegenCache: a web farm, {figures.Elapsed.TotalSeconds:0} of {duration.TotalSeconds:0} s")
            .AddColumn(new TableColumn("").NoWrap()).AddColumn(new TableColumn("this farm").NoWrap().RightAligned())
            .AddColumn(new TableColumn("plain MemoryCaches").NoWrap().RightAligned());
        double plainReads = Math.Max(1, plain.Hits + plain.Misses);
        table.AddRow("requests answered", $"{figures.Load.Answered:N0}", "the same");
        table.AddRow("requests per second", $"{perSecond:N0}", "");
        table.AddRow("hit ratio", $"{farm.HitShare:P2}", $"{plain.Hits / plainReads:P2}");
        table.AddRow("calls of the origin", $"[green]{figures.Origin.Calls:N0}[/]", $"[red]{figures.Origin.PlainCalls:N0}[/]");
        table.AddRow("reads that waited", $"{farm.Waited:N0}", $"{plain.Misses:N0}");
        table.AddRow("  nobody had it yet", $"{farm.WaitsBecause(WaitReason.Cold):N0}", "");
        table.AddRow("  new to its node: store", $"{farm.WaitsBecause(WaitReason.NewToNode):N0}", "");
        table.AddRow("  unread for too long", $"{farm.WaitsBecause(WaitReason.Returned):N0}", "");
        table.AddRow("  unread here for long", $"{farm.WaitsBecause(WaitReason.UnreadHere):N0}", "");
        table.AddRow("  warm", $"[green]{farm.WaitsBecause(WaitReason.Warm):N0}[/]", "");
        table.AddRow("p50/p99/p99.9 at clients", Figures.Show(figures.Load.Times), "");
        table.AddRow("  keys the farm had", Figures.Show(figures.Load.WarmTimes), "");
        table.AddRow("  the caches alone", Figures.Show(farm.CacheTimes), "");
        table.AddRow("origin failures passed on", $"{figures.Load.OriginFailures:N0}", "");
        table.AddRow("tries made again elsewhere", $"{figures.Load.Retried:N0}", "");
        table.AddRow("clients' timeouts", $"{figures.Load.Timeouts:N0}", "");
        table.AddRow("wrong answers", $"{figures.Load.Errors:N0}", "");

        var rows = new List<IRenderable> { table };
        rows.AddRange(figures.Events.TakeLast(EventsShown).Select(e =>
            new Markup($"[yellow]{e.At.TotalSeconds,5:0.0} s[/]  {Markup.Escape(e.What)}")));
        return new Rows(rows);
    }
}
