namespace AkkaRegenCache.Storage;

/// <summary>How much the machines that share it may hold together, and how much they do. Thread-safe.</summary>
/// <param name="records">The most values.</param>
/// <param name="bytes">The most bytes of them, with their keys and what a record takes beside.</param>
internal sealed class StoreBound(long records, long bytes)
{
    private long _records;
    private long _bytes;

    /// <summary>Values that are held.</summary>
    public long RecordCount => Volatile.Read(ref _records);

    /// <summary>Their bytes, as far as they are known.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsExceeded => RecordCount > records || Bytes > bytes;

    public void Add(int moreRecords, long moreBytes)
    {
        Interlocked.Add(ref _records, moreRecords);
        Interlocked.Add(ref _bytes, moreBytes);
    }
}
