using System.Diagnostics;
using Xunit.Sdk;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>Repeats an assertion until it passes. At the deadline its last failure is the test's.</summary>
internal static class Eventually
{
    /// <summary>Far longer than anything takes, so that a loaded machine fails no test.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(20);

    public static async Task PassesAsync(string what, Func<Task> assertion)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await assertion().WaitAsync(Deadline);
                return;
            }
            catch (Exception e) when (watch.Elapsed < Deadline && e is not OutOfMemoryException)
            {
                await Task.Delay(s_interval);
            }
            catch (Exception e)
            {
                throw new XunitException($"After {watch.Elapsed.TotalSeconds:0} s it still does not hold that {what}: {e.Message}", e);
            }
        }
    }

    public static Task PassesAsync(string what, Action assertion) => PassesAsync(
        what,
        () =>
        {
            assertion();
            return Task.CompletedTask;
        });
}
