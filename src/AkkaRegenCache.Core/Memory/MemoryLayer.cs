using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace AkkaRegenCache.Memory;

/// <summary>The node's own memory of values: any thread reads, one serialized loop writes.</summary>
/// <remarks>
/// <para>
/// A hit is <see cref="Find"/>, <see cref="MemoryEntry.OnHit"/> and <see cref="MemoryEntry.Value"/>: no lock, no allocation, no clock,
/// and usually no write. Everything marked <em>writer</em> is called from one thread at a time, with ordinary
/// happens-before between calls; nothing here starts a thread or a timer.
/// </para>
/// <para>
/// The bounds hold at every instant: an entry is evicted, and subtracted, before the new one is counted. A removed entry shows nothing from
/// then on, even to readers that found it before. For eviction see <see cref="AdaptiveS3Fifo"/>; for readers and the writer see <see
/// cref="EntryTable"/>.
/// </para>
/// </remarks>
internal sealed class MemoryLayer
{
    private readonly Totals _totals = new();
    private readonly AdaptiveS3Fifo? _policy;
    private readonly long _maxEntries;
    private readonly long _maxBytes;
    private EntryTable _table;
    private int _epoch;

    /// <summary>An empty layer.</summary>
    public MemoryLayer(MemoryLayerOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxEntries, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBytes ?? 0, nameof(options));
        _maxEntries = options.MaxEntries;
        _maxBytes = options.MaxBytes ?? long.MaxValue;
        _policy = options.Policy == MemoryPolicy.Evict ? new AdaptiveS3Fifo() : null;
        _table = new EntryTable(options.Hash ?? KeyHash.Random());
    }

    /// <summary>The number of entries. Any thread.</summary>
    public long Count => Volatile.Read(ref _totals.Count);

    /// <summary>Their sizes together, in bytes. Any thread.</summary>
    public long Bytes => Volatile.Read(ref _totals.Bytes);

    /// <summary>The number of the current time interval, which a hit stores in the entry. Any thread.</summary>
    public int Epoch
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _epoch);
    }

    /// <summary>The entries evicted by the last <see cref="Set"/> or <see cref="Replace"/>; the next one clears it. Writer.</summary>
    public List<MemoryEntry> Evicted { get; } = [];

    /// <summary>The eviction policy, for tests and measurements; null if the layer stops admitting.</summary>
    internal AdaptiveS3Fifo? Policy => _policy;

    /// <summary>The current table, for tests and measurements.</summary>
    internal EntryTable Table => Volatile.Read(ref _table);

    /// <summary>The entry of a key, or null. Does not count an access: see <see cref="MemoryEntry.OnHit"/>. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemoryEntry? Find(string key) => Volatile.Read(ref _table).Find(key);

    /// <summary>As <see cref="Find"/>, with a Boolean result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(string key, [NotNullWhen(true)] out MemoryEntry? entry)
    {
        entry = Find(key);
        return entry is not null;
    }

    /// <summary>Begins a new epoch. Writer.</summary>
    public int AdvanceEpoch()
    {
        EnterEpoch(_epoch + 1);
        return _epoch;
    }

    /// <summary>Sets the epoch to the owner's number. Writer.</summary>
    public void EnterEpoch(int epoch) => Volatile.Write(ref _epoch, epoch);

    /// <summary>
    /// Stores a value: in the key's entry if there is one, otherwise in a new one, for which others may be evicted. Writer.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value, or null with a payload, or with neither: an entry that shows nothing.</param>
    /// <param name="payload">What the value will be made from, or the owner's mark for a null value; null with a value.</param>
    /// <param name="generator">The owner's.</param>
    /// <param name="token">The fencing token.</param>
    /// <param name="size">Bytes, at least 0.</param>
    /// <param name="entry">The entry where it was stored; null where it was not.</param>
    public SetOutcome Set(
        string key, object? value, object? payload, object? generator, long token, int size, out MemoryEntry? entry)
    {
        entry = Find(key);
        if (entry is not null)
        {
            SetOutcome outcome = Replace(entry, value, payload, generator, token, size);
            if (outcome == SetOutcome.Dropped)
                entry = null;
            return outcome;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(size);
        Evicted.Clear();
        if (size > _maxBytes || (_policy is null && !HasRoomFor(1, size)))
            return SetOutcome.Refused;

        entry = new MemoryEntry(key, _table.HashOf(key));
        entry.Write(value, payload, generator, token, size);
        entry.StartAt(_epoch);
        bool known = _policy is not null && _policy.Recall(entry.Hash);
        MakeRoomFor(1, size, spared: null);
        _policy?.Add(entry, known);
        CountIn(1, size);
        Insert(entry);
        return SetOutcome.Admitted;
    }

    /// <summary>Stores in an entry of this layer, in place: neither the table nor the queues change. Writer.</summary>
    /// <returns><see cref="SetOutcome.Replaced"/>, or <see cref="SetOutcome.Dropped"/> when the new size cannot fit.</returns>
    public SetOutcome Replace(MemoryEntry entry, object? value, object? payload, object? generator, long token, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        if (entry.IsRemoved)
            throw new InvalidOperationException("The entry has left the layer: set its key instead.");
        Evicted.Clear();
        int growth = size - entry.Size;
        if (size > _maxBytes || (_policy is null && growth > 0 && !HasRoomFor(0, growth)))
        {
            Remove(entry);
            return SetOutcome.Dropped;
        }

        if (growth > 0)
            MakeRoomFor(0, growth, entry);
        entry.Write(value, payload, generator, token, size);
        CountIn(0, growth);
        return SetOutcome.Replaced;
    }

    /// <summary>Removes a key. Writer.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(string key)
    {
        if (Find(key) is not { } entry)
            return false;
        Remove(entry);
        return true;
    }

    /// <summary>Removes an entry, unless it is removed already. Writer.</summary>
    public void Remove(MemoryEntry entry)
    {
        if (entry.IsRemoved)
            return;
        _policy?.Remove(entry);
        TakeOut(entry);
    }

    /// <summary>Removes everything, and resets the eviction policy. Writer.</summary>
    public void Clear()
    {
        _policy?.Clear();
        foreach (MemoryEntry entry in this)
            TakeOut(entry);
        Volatile.Write(ref _table, _table.Rebuilt(0));
    }

    /// <summary>All entries, in no order. Writer; it may remove and replace on the way, but not set new keys.</summary>
    public Enumerator GetEnumerator() => new(_table);

    private bool HasRoomFor(int entries, long bytes) =>
        _totals.Count + entries <= _maxEntries && bytes <= _maxBytes - _totals.Bytes;

    private void MakeRoomFor(int entries, long bytes, MemoryEntry? spared)
    {
        while (!HasRoomFor(entries, bytes))
        {
            MemoryEntry victim = _policy!.Evict(spared);
            TakeOut(victim);
            Evicted.Add(victim);
        }
    }

    private void TakeOut(MemoryEntry entry)
    {
        // The entry is emptied first, because a reader with an older table may still find it.
        entry.MarkRemoved();
        _table.Remove(entry);
        CountIn(-1, -entry.Size);
    }

    private void CountIn(int entries, int bytes)
    {
        Volatile.Write(ref _totals.Count, _totals.Count + entries);
        Volatile.Write(ref _totals.Bytes, _totals.Bytes + bytes);
    }

    private void Insert(MemoryEntry entry)
    {
        if (_table.IsFull || _table.IsCrowded)
            Volatile.Write(ref _table, _table.Rebuilt((int)Math.Min(_totals.Count, int.MaxValue)));
        _table.Insert(entry);
    }

    /// <summary>Apart from the layer itself: the totals change with every miss, and would invalidate the readers' cache line.</summary>
    private sealed class Totals
    {
        public long Count;
        public long Bytes;
    }

    /// <summary>Walks the entries of one table.</summary>
    internal struct Enumerator(EntryTable table)
    {
        private int _slot = -1;

        /// <summary>The entry reached.</summary>
        public MemoryEntry Current { get; private set; } = null!;

        /// <summary>Goes to the next entry.</summary>
        public bool MoveNext()
        {
            while (++_slot < table.Slots)
            {
                if (table.InSlot(_slot) is { } entry)
                {
                    Current = entry;
                    return true;
                }
            }

            return false;
        }
    }
}
