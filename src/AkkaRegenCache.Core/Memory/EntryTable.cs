using System.Runtime.CompilerServices;

namespace AkkaRegenCache.Memory;

/// <summary>One generation of the layer's hash table: any number of readers without locks, and one writer.</summary>
/// <remarks>
/// <para>
/// Open addressing with linear probing over an array of entries, 12 bytes a slot. An entry never moves within its array, and a
/// slot that a probe may have to pass is never empty: a removed entry leaves a tombstone. So a reader that looks for a key that
/// is there finds it, whatever happens to other keys meanwhile. A tombstone before an empty slot ends no probe that the
/// empty slot would not end, so it becomes empty itself, and most tombstones go that way.
/// </para>
/// <para>
/// When the table is too full, <see cref="Rebuilt"/> makes the next one and the layer publishes it whole. A reader that still
/// has the old one sees what was there when it began; entries removed since then show nothing any more
/// (<see cref="MemoryEntry.MarkRemoved"/>).
/// </para>
/// <para>
/// A probe longer than chance explains means that the keys were chosen to collide: <see cref="IsCrowded"/> reports it, and the next table
/// takes its positions from the platform's randomized string hash. <see cref="MemoryEntry.Hash"/> does not change, so readers of either
/// table compare what they expect.
/// </para>
/// </remarks>
internal sealed class EntryTable
{
    /// <summary>With 5/8 of the slots used (tombstones included), chance makes such a probe once in some 10^10 insertions.</summary>
    private const int LongestProbe = 256;

    private const int FewestSlots = 16;

    /// <summary>Has no key, so it equals none that is looked for.</summary>
    private static readonly MemoryEntry Tombstone = new(null!, 0);

    private readonly MemoryEntry?[] _slots;

    /// <summary>
    /// Where the probe for each slot's entry began; for the writer only. A rebuild that read it from a million entries, each elsewhere in
    /// memory, would hold the node's loop up several times as long.
    /// </summary>
    private readonly uint[] _positions;

    private readonly KeyHash _hash;
    private readonly bool _randomized;
    private int _used;

    private EntryTable(int slots, KeyHash hash, bool randomized)
    {
        _slots = new MemoryEntry?[slots];
        _positions = new uint[slots];
        _hash = hash;
        _randomized = randomized;
    }

    /// <summary>An empty table.</summary>
    public EntryTable(KeyHash hash)
        : this(FewestSlots, hash, randomized: false)
    {
    }

    /// <summary>Whether positions come from the platform's randomized hash.</summary>
    public bool IsRandomized => _randomized;

    /// <summary>Whether an insertion found a probe so long that the keys must have been chosen for it.</summary>
    public bool IsCrowded { get; private set; }

    /// <summary>Slots in the array.</summary>
    public int Slots => _slots.Length;

    /// <summary>Whether one more insertion needs a <see cref="Rebuilt"/> table.</summary>
    public bool IsFull => _used >= _slots.Length / 8 * 5;

    /// <summary>The key's <see cref="MemoryEntry.Hash"/>.</summary>
    public uint HashOf(string key) => _hash.Of(key);

    /// <summary>The entry of a key, or null. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemoryEntry? Find(string key)
    {
        if (_randomized)
            return FindRandomized(key);
        uint hash = _hash.Of(key);
        MemoryEntry?[] slots = _slots;
        for (uint at = hash; ; at++)
        {
            MemoryEntry? entry = Volatile.Read(ref slots[at & (uint)(slots.Length - 1)]);
            if (entry is null || (entry.Hash == hash && string.Equals(entry.Key, key)))
                return entry;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private MemoryEntry? FindRandomized(string key)
    {
        for (uint at = (uint)key.GetHashCode(); ; at++)
        {
            MemoryEntry? entry = Volatile.Read(ref SlotAt(at));
            if (entry is null || string.Equals(entry.Key, key))
                return entry;
        }
    }

    /// <summary>Adds an entry whose key is not in the table. Writer only; not when <see cref="IsFull"/>.</summary>
    public void Insert(MemoryEntry entry) => Insert(entry, PositionOf(entry));

    private void Insert(MemoryEntry entry, uint first)
    {
        uint at = first;
        while (SlotAt(at) is { } other && !ReferenceEquals(other, Tombstone))
            at++;
        if (SlotAt(at) is null)
            _used++;
        IsCrowded |= at - first > LongestProbe && !_randomized;
        _positions[at & (uint)(_positions.Length - 1)] = first;
        Volatile.Write(ref SlotAt(at), entry);
    }

    /// <summary>Takes an entry out. Writer only.</summary>
    public void Remove(MemoryEntry entry)
    {
        uint at = PositionOf(entry);
        while (!ReferenceEquals(SlotAt(at), entry))
        {
            // The entry of another table would otherwise be searched for without end.
            if (SlotAt(at++) is null)
                throw new InvalidOperationException("The entry is not in this table.");
        }

        if (SlotAt(at + 1) is not null)
        {
            Volatile.Write(ref SlotAt(at), Tombstone);
            return;
        }

        // Nothing follows: no probe needs this slot or the tombstones directly before it.
        do
        {
            Volatile.Write(ref SlotAt(at), null);
            _used--;
            at--;
        }
        while (ReferenceEquals(SlotAt(at), Tombstone));
    }

    /// <summary>The next table: without the tombstones, with room to grow, and randomized where this one is crowded. Writer only.</summary>
    /// <param name="live">How many entries are here.</param>
    public EntryTable Rebuilt(int live)
    {
        // It may be nine sixteenths full when it starts, and ten when it ends. With a smaller difference, a full layer whose keys come and
        // go would rebuild again and again.
        int slots = FewestSlots;
        while (slots / 16 * 9 <= live)
            slots = checked(slots * 2);
        var next = new EntryTable(slots, _hash, _randomized || IsCrowded);
        bool samePositions = next._randomized == _randomized;
        for (int i = 0; i < _slots.Length; i++)
        {
            if (InSlot(i) is { } entry)
                next.Insert(entry, samePositions ? _positions[i] : next.PositionOf(entry));
        }

        return next;
    }

    /// <summary>The entry in a slot; null for a slot without one. Writer only.</summary>
    public MemoryEntry? InSlot(int slot) => _slots[slot] is { } entry && !ReferenceEquals(entry, Tombstone) ? entry : null;

    private uint PositionOf(MemoryEntry entry) => _randomized ? (uint)entry.Key.GetHashCode() : entry.Hash;

    private ref MemoryEntry? SlotAt(uint at) => ref _slots[at & (uint)(_slots.Length - 1)];
}
