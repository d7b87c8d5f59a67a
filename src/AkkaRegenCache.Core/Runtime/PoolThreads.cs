namespace AkkaRegenCache.Runtime;

/// <summary>
/// Compensates for pool threads that are blocked in synchronous calls: the pool may have one more thread for each of them at once, instead
/// of one or two a second.
/// </summary>
/// <remarks>
/// The answer to such a call may need a thread: answers of Redis or of another node come through sockets, whose completions run on the pool
/// and can't be moved elsewhere. The runtime does the same for threads that are blocked in <c>Task.Wait</c>, with a delay for each.
/// Thread-safe.
/// </remarks>
internal static class PoolThreads
{
    /// <summary>The most threads that are compensated for.</summary>
    private const int Most = 1000;

    private static readonly Lock s_gate = new();
    private static int s_more;

    /// <summary>The calling thread is about to block.</summary>
    /// <returns>Whether it is compensated for; then <see cref="Leave"/> must follow.</returns>
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

    /// <summary>The thread is not blocked any more.</summary>
    public static void Leave()
    {
        lock (s_gate)
        {
            s_more--;
            Change(-1);
        }
    }

    /// <summary>Relative to the current value, because the application may have changed it.</summary>
    private static bool Change(int by)
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        return ThreadPool.SetMinThreads(Math.Max(1, workers + by), ports);
    }
}
