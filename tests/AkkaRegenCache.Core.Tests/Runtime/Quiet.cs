namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>For tests in real time that look at what follows an answer: callers have theirs before the commit, and memory shows the value after it.</summary>
internal static class Quiet
{
    /// <summary>Returns when the node has nothing left to do. Yields, never sleeps.</summary>
    public static async Task QuietAsync(this IRegenCache cache)
    {
        var shell = ((RegenCache)cache).Shell;
        while (shell.Backlog != 0 || shell.Runs.Active != 0 || shell.StoreCalls != 0)
            await Task.Yield();
    }
}
