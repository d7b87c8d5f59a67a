using System.Runtime.CompilerServices;

namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>
/// Waits for conditions, always with a deadline, which is later by as much as this process is starved meanwhile. Nothing in the lab sleeps
/// and hopes.
/// </summary>
internal static class Wait
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(5);

    public static Task UntilAsync(
        Func<bool> condition, TimeSpan patience, string what, CancellationToken cancellationToken = default) =>
        UntilAsync(() => new ValueTask<bool>(condition()), patience, what, cancellationToken);

    public static async Task UntilAsync(
        Func<ValueTask<bool>> condition, TimeSpan patience, string what, CancellationToken cancellationToken = default)
    {
        var (begun, deadline) = (LabClock.Now, LabClock.After(patience));
        while (!await condition())
        {
            if (LabClock.Now > deadline && LabClock.Now > deadline + StallMeter.Own.Since(begun).Sum(stall => stall.To - stall.From))
                throw new TimeoutException($"Not within {patience.TotalSeconds:0.#} s: {what}.");
            await Task.Delay(s_step, cancellationToken);
        }
    }

    /// <summary>Lets the load run until a time: what is waited for is the time itself.</summary>
    public static async Task UntilTimeAsync(long timestamp, CancellationToken cancellationToken)
    {
        while (timestamp - LabClock.Now is > 0 and var left)
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(1, LabClock.Milliseconds(left))), cancellationToken);
    }

    public static Task ForAsync(TimeSpan time, CancellationToken cancellationToken) =>
        UntilTimeAsync(LabClock.After(time), cancellationToken);
}
