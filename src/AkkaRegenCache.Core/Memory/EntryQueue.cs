namespace AkkaRegenCache.Memory;

/// <summary>A FIFO queue linked through its entries: it needs no memory of its own, and any entry is removed in constant time.</summary>
internal sealed class EntryQueue(byte id)
{
    private MemoryEntry? _newest;
    private MemoryEntry? _oldest;

    /// <summary>The number of entries in the queue.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an entry, which must be in no queue, at the end.</summary>
    public void Enqueue(MemoryEntry entry)
    {
        entry.Queue = id;
        entry.Older = _newest;
        if (_newest is null)
            _oldest = entry;
        else
            _newest.Newer = entry;
        _newest = entry;
        Count++;
    }

    /// <summary>Removes the oldest entry. The queue must not be empty.</summary>
    public MemoryEntry Dequeue()
    {
        MemoryEntry entry = _oldest!;
        Remove(entry);
        return entry;
    }

    /// <summary>Removes an entry of this queue.</summary>
    public void Remove(MemoryEntry entry)
    {
        if (entry.Newer is null)
            _newest = entry.Older;
        else
            entry.Newer.Older = entry.Older;
        if (entry.Older is null)
            _oldest = entry.Newer;
        else
            entry.Older.Newer = entry.Newer;
        // Otherwise a removed entry that is still referenced would keep its old neighbours alive.
        entry.Newer = entry.Older = null;
        entry.Queue = 0;
        Count--;
    }
}
