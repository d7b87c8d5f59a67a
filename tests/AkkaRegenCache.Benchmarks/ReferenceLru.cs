namespace AkkaRegenCache.Benchmarks;

/// <summary>Least recently used, in its plainest form: what every policy is compared with.</summary>
internal static class ReferenceLru
{
    /// <summary>Hit ratio in percent.</summary>
    public static double HitRatio(Trace trace, int capacity)
    {
        var byUse = new LinkedList<int>();
        var nodes = new LinkedListNode<int>?[trace.Keys.Length];
        long hits = 0;
        foreach (int key in trace.Requests)
        {
            LinkedListNode<int>? node = nodes[key];
            if (node is not null)
            {
                hits++;
                byUse.Remove(node);
            }
            else
            {
                if (byUse.Count == capacity)
                {
                    nodes[byUse.Last!.Value] = null;
                    byUse.RemoveLast();
                }

                nodes[key] = node = new LinkedListNode<int>(key);
            }

            byUse.AddFirst(node);
        }

        return 100.0 * hits / trace.Requests.Length;
    }
}
