namespace AkkaRegenCache.Runtime;

/// <summary>
/// Runs the cache's own work where no caller's world reaches it: no AsyncLocal, no transaction, no culture that a caller set, no synchronization context. Whatever
/// is begun there (timers, calls of stores and buses, continuations) captures nothing of a caller's either, and so keeps nothing of it alive.
/// </summary>
internal static class OwnContext
{
    private static readonly ExecutionContext s_empty = CaptureEmpty();

    /// <summary>Runs work; it has to begin with <see cref="LeaveSynchronizationContext"/>. Allocates nothing.</summary>
    public static void Run(ContextCallback work, object? state) => ExecutionContext.Run(s_empty, work, state);

    /// <summary>Runs work that brings a result.</summary>
    public static T Run<T>(Func<T> work)
    {
        T result = default!;
        Run(
            _ =>
            {
                LeaveSynchronizationContext();
                result = work();
            },
            null);
        return result;
    }

    /// <summary>The caller's is put back when <see cref="Run(ContextCallback, object?)"/> returns.</summary>
    public static void LeaveSynchronizationContext()
    {
        if (SynchronizationContext.Current is not null)
            SynchronizationContext.SetSynchronizationContext(null);
    }

    private static ExecutionContext CaptureEmpty()
    {
        // A thread that is started without flow has no context but the empty one.
        ExecutionContext? empty = null;
        var thread = new Thread(() => empty = ExecutionContext.Capture()) { IsBackground = true };
        thread.UnsafeStart();
        thread.Join();
        return empty ?? throw new InvalidOperationException("A new thread has no execution context.");
    }
}
