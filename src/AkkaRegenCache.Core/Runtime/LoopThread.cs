using System.Collections.Concurrent;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// One thread for all caches of the process. It continues loops that would otherwise wait for a pool thread while all of these are blocked
/// in calls of the cache. It runs no foreign code. Created at first need. Thread-safe.
/// </summary>
internal static class LoopThread
{
    private static readonly Lazy<BlockingCollection<NodeShell>> s_queue = new(Start);

    public static void Queue(NodeShell shell) => s_queue.Value.Add(shell);

    private static BlockingCollection<NodeShell> Start()
    {
        var queue = new BlockingCollection<NodeShell>();
        new Thread(() =>
        {
            foreach (var shell in queue.GetConsumingEnumerable())
                shell.GoOn();
        })
        {
            IsBackground = true,
            Name = "AkkaRegenCache loop",
        }.UnsafeStart();
        return queue;
    }
}
