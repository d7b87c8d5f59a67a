namespace AkkaRegenCache.Runtime;

/// <summary>
/// Makes up for threads of the pool that are blocked in synchronous calls: for each the pool may have one more at once, instead of one or two a second.
/// </summary>
/// <remarks>
/// What such a call waits for may need a thread: an answer of Redis or of another node comes through sockets, whose completions run on the pool, and there is no
/// way to have them elsewhere. The runtime does the same for threads that are blocked in <c>Task.Wait</c>, with a delay for each. Thread-safe.
/// </remarks>
internal static class PoolThreads
{
    /// <summary>So many are made up for at the most.</summary>
    private const int Most = 1000;

    private static readonly Lock s_gate = new();
    private static int s_more;

    /// <summary>The calling thread is about to block.</summary>
    /// <returns>Whether it is made up for; then <see cref="Leave"/> follows.</returns>
    public static bool Enter()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread)
            return false;
        lock (s_gate)
        {
            if (s_more >= Most || !Change(+1))
                return false;
            s_more++;
            return true;
        }
    }

    /// <summary>It goes on.</summary>
    public static void Leave()
    {
        lock (s_gate)
        {
            s_more--;
            Change(-1);
        }
    }

    /// <summary>By one, from what it is now: the application may have set it meanwhile.</summary>
    private static bool Change(int by)
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        return ThreadPool.SetMinThreads(Math.Max(1, workers + by), ports);
    }
}
