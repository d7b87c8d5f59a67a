using System.Collections.Concurrent;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// One thread of the cache's own, for all caches of the process: it takes loops over that would else wait for a thread of a pool whose threads are all blocked in
/// calls of the cache. No foreign code runs on it. Made at first need. Thread-safe.
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
