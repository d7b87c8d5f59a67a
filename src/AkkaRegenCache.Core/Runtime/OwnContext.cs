namespace AkkaRegenCache.Runtime;

/// <summary>
/// Runs the cache's own work without a caller's context: no AsyncLocal, no transaction, no culture of a caller, no synchronization context.
/// Whatever is begun there (timers, calls of stores and buses, continuations) does not capture a caller's context either, and so keeps
/// nothing of it alive.
/// </summary>
internal static class OwnContext
{
    private static readonly ExecutionContext s_empty = CaptureEmpty();

    /// <summary>Runs work, which must begin with <see cref="LeaveSynchronizationContext"/>. Allocates nothing.</summary>
    public static void Run(ContextCallback work, object? state) => ExecutionContext.Run(s_empty, work, state);

    /// <summary>Runs work with a result.</summary>
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

    /// <summary>Leaves the caller's; <see cref="Run(ContextCallback, object?)"/> restores it on return.</summary>
    public static void LeaveSynchronizationContext()
    {
        if (SynchronizationContext.Current is not null)
            SynchronizationContext.SetSynchronizationContext(null);
    }

    private static ExecutionContext CaptureEmpty()
    {
        // A thread started without flow has only the empty context.
        ExecutionContext? empty = null;
        var thread = new Thread(() => empty = ExecutionContext.Capture()) { IsBackground = true };
        thread.UnsafeStart();
        thread.Join();
        return empty ?? throw new InvalidOperationException("A new thread has no execution context.");
    }
}
