using System.Collections.Concurrent;
using System.Diagnostics;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>Why a read had to wait.</summary>
internal enum WaitReason
{
    /// <summary>It didn't.</summary>
    None,

    /// <summary>Nobody in the farm had ever got a value for the key: the origin has to be asked.</summary>
    Cold,

    /// <summary>
    /// The farm had a value, but this node has never served the key from memory yet: it reads the shared store, or is just storing what it
    /// has made (a value goes to those who wait before the store has accepted it, and into memory after).
    /// </summary>
    NewToNode,

    /// <summary>
    /// Nobody had read the key for longer than its retention, so that it was no longer made: the value is gone, or runs out before the next
    /// one is there (when its due time has passed, it has no more than the tolerance to live).
    /// </summary>
    Returned,

    /// <summary>
    /// Nobody had read the key on this node for longer than any value lives. As a rule the node has the newest all the same, since it hears of it; but not while
    /// the key's shard had no home and each node made what it needed itself.
    /// </summary>
    UnreadHere,

    /// <summary>None of these: the key was warm, and should not have made anybody wait.</summary>
    Warm,
}

/// <summary>
/// What an onlooker of the whole farm knows of each key, so that a wait can be told to be one that the cache promises away or not. The
/// cache knows nothing of it.
/// </summary>
internal sealed class ReadLog
{
    /// <summary>Nodes at the start, and one that joins.</summary>
    private const int MostNodes = DemoOptions.MaximumNodes + 1;

    private readonly ConcurrentDictionary<string, KeyHistory> _keys = new();

    /// <summary>How many keys have a value.</summary>
    public int KnownKeys => _keys.Values.Count(key => key.HasValue);

    /// <summary>A read begins; tells why it would have to wait.</summary>
    public WaitReason Begin(string key, int node)
    {
        KeyHistory history = _keys.GetOrAdd(key, static _ => new KeyHistory());
        long now = Stopwatch.GetTimestamp();
        long before = Interlocked.Exchange(ref history.LastRead, now);
        long beforeHere = Interlocked.Exchange(ref history.LastReadOn[node], now);
        if (!history.HasValue)
            return WaitReason.Cold;
        if (Stopwatch.GetElapsedTime(before, now) > EntryLife.Retention)
        {
            // Its value runs out on every node, sooner or later, and each has to get the next one.
            Volatile.Write(ref history.ReturnedAt, now);
            Volatile.Write(ref history.NodesThatHaveIt, 0);
        }

        if (Volatile.Read(ref history.ReturnedAt) is var returned && returned != 0
            && Stopwatch.GetElapsedTime(returned, now) < EntryLife.Tolerance)
            return WaitReason.Returned;
        if ((Volatile.Read(ref history.NodesThatHaveIt) & (1L << node)) == 0)
            return WaitReason.NewToNode;
        return Stopwatch.GetElapsedTime(beforeHere, now) > EntryLife.Longest ? WaitReason.UnreadHere : WaitReason.Warm;
    }

    /// <summary>A read on this node got a value.</summary>
    public void Succeeded(string key, int node, bool atOnce)
    {
        KeyHistory history = _keys[key];
        if (!history.HasValue)
            history.HasValue = true;
        if (atOnce && (Volatile.Read(ref history.NodesThatHaveIt) & (1L << node)) == 0)
            Interlocked.Or(ref history.NodesThatHaveIt, 1L << node);
    }

    private sealed class KeyHistory
    {
        public volatile bool HasValue;
        public long LastRead;
        public long ReturnedAt;
        public long NodesThatHaveIt;

        /// <summary>By node.</summary>
        public readonly long[] LastReadOn = new long[MostNodes];
    }
}
