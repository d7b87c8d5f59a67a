using AkkaRegenCache.Demo.Farm;

namespace AkkaRegenCache.Demo.Reporting;

/// <summary>Shows the run as lines, one every second or two, for logs and pipes.</summary>
internal static class PlainLines
{
    public static async Task RunAsync(Figures figures, TimeSpan duration, TextWriter output, Task run)
    {
        using var pacer = new PeriodicTimer(TimeSpan.FromSeconds(duration.TotalSeconds > 120 ? 10 : duration.TotalSeconds > 12 ? 2 : 1));
        int eventsShown = 0;
        long requestsBefore = 0;
        TimeSpan before = TimeSpan.Zero;
        Task<bool> tick = pacer.WaitForNextTickAsync().AsTask();
        while (await Task.WhenAny(run, tick) == tick)
        {
            tick = pacer.WaitForNextTickAsync().AsTask();
            eventsShown = ShowEvents(figures, eventsShown, output);
            TimeSpan now = figures.Elapsed;
            long requests = figures.Load.Answered;
            output.WriteLine(
                $"{now.TotalSeconds,5:0.0} s  {requests,7:N0} requests, {(requests - requestsBefore) / (now - before).TotalSeconds,5:N0}/s  "
                + $"hit ratio {figures.Farm.HitShare:P1}  origin calls {figures.Origin.Calls:N0} (plain caches {figures.Origin.PlainCalls:N0})  "
                + $"waited {figures.Farm.Waited:N0}, of them warm {figures.Farm.WaitsBecause(WaitReason.Warm):N0}  "
                + $"p50/p99/p99.9 {Figures.Show(figures.Load.Times)}  wrong {figures.Load.Errors}, timeouts {figures.Load.Timeouts}");
            (requestsBefore, before) = (requests, now);
        }

        ShowEvents(figures, eventsShown, output);
    }

    private static int ShowEvents(Figures figures, int shown, TextWriter output)
    {
        IReadOnlyList<(TimeSpan At, string What)> events = figures.Events;
        for (; shown < events.Count; shown++)
            output.WriteLine($"{events[shown].At.TotalSeconds,5:0.0} s  * {events[shown].What}");
        return shown;
    }
}
