namespace AkkaRegenCache.Storage;

/// <summary>The shared bound of several machines, and how much of it is used. Thread-safe.</summary>
/// <param name="records">The most values.</param>
/// <param name="bytes">The most bytes of values, with their keys and the overhead of a record.</param>
internal sealed class StoreBound(long records, long bytes)
{
    private long _records;
    private long _bytes;

    /// <summary>The number of values held.</summary>
    public long RecordCount => Volatile.Read(ref _records);

    /// <summary>Their bytes, as far as known.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsExceeded => RecordCount > records || Bytes > bytes;

    public void Add(int moreRecords, long moreBytes)
    {
        Interlocked.Add(ref _records, moreRecords);
        Interlocked.Add(ref _bytes, moreBytes);
    }
}
