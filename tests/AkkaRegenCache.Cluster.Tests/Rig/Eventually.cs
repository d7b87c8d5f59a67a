using System.Diagnostics;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>Waits for what comes in its own time, and asks often.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task Holds(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Patience, $"It never came: {what}.");
            await Task.Delay(10);
        }
    }

    public static Task Holds(Func<bool> condition, string what) => Holds(() => Task.FromResult(condition()), what);
}
