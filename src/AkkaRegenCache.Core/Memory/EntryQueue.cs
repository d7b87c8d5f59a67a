namespace AkkaRegenCache.Memory;

/// <summary>A first-in first-out queue linked through its entries: no memory of its own, and any entry leaves in one step.</summary>
internal sealed class EntryQueue(byte id)
{
    private MemoryEntry? _newest;
    private MemoryEntry? _oldest;

    /// <summary>How many entries wait here.</summary>
    public int Count { get; private set; }

    /// <summary>Puts an entry, which is in no queue, at the end.</summary>
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

    /// <summary>Takes the one that came first. The queue must not be empty.</summary>
    public MemoryEntry Dequeue()
    {
        MemoryEntry entry = _oldest!;
        Remove(entry);
        return entry;
    }

    /// <summary>Takes out an entry that is in this queue.</summary>
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
        // Links kept in an entry that somebody holds on to would keep its old neighbours alive too.
        entry.Newer = entry.Older = null;
        entry.Queue = 0;
        Count--;
    }
}
