namespace AkkaRegenCache.Memory;

/// <summary>The queue from which a key was evicted, as long as that is remembered.</summary>
internal enum Ghost : byte
{
    /// <summary>Not evicted, or too long ago.</summary>
    None,

    /// <summary>Evicted from the small queue.</summary>
    OfSmall,

    /// <summary>Evicted from the main queue.</summary>
    OfMain,
}

/// <summary>
/// Remembers the hashes of evicted keys, in order, for two queues: 8 bytes a key and no links. A slot holds 31 bits of
/// the hash, one bit for the queue, and the running number of the eviction. Age is the distance to the newest
/// number, so the past falls away by itself, and a bucket of eight slots (a cache line) that overflows gives up its oldest.
/// </summary>
internal sealed class GhostTable
{
    private const int BucketSize = 8;
    private ulong[] _slots = [];
    private uint _buckets;
    private uint _evictedFromSmall;
    private uint _evictedFromMain;

    /// <summary>How many keys there is room for. Buckets fill unevenly, so there is a quarter more room than keys to remember.</summary>
    public int Slots => _slots.Length;

    /// <summary>Makes room to remember this many keys of both queues together, keeping what is remembered.</summary>
    public void EnsureRoomFor(int keys)
    {
        long wanted = ((keys + (keys / 4L)) / BucketSize) + 1;
        if (wanted <= _buckets)
            return;
        // Grows by a half at least: a layer bounded in bytes may find ever more and smaller entries.
        uint buckets = (uint)Math.Min(Math.Max(wanted, _buckets * 3L / 2), Array.MaxLength / BucketSize);
        ulong[] old = _slots;
        _slots = new ulong[(int)buckets * BucketSize];
        _buckets = buckets;
        foreach (ulong slot in old)
        {
            if (slot != 0)
                Place(slot);
        }
    }

    /// <summary>Remembers an eviction.</summary>
    public void Add(uint hash, Ghost ghost)
    {
        if (_buckets == 0)
            return;
        // A number that wrapped around after 2^32 evictions makes an old slot look young, once: harmless.
        uint number = ghost == Ghost.OfSmall ? ++_evictedFromSmall : ++_evictedFromMain;
        Place(((ulong)number << 32) | (hash & ~1u) | (ghost == Ghost.OfMain ? 1u : 0u));
    }

    /// <summary>Whether a key is a ghost, and of which queue. It is forgotten, since it comes back.</summary>
    /// <param name="hash">The key's hash.</param>
    /// <param name="age">How many evictions of that queue ago, from 0.</param>
    public Ghost Take(uint hash, out uint age)
    {
        age = 0;
        if (_buckets == 0)
            return Ghost.None;
        foreach (ref ulong slot in Bucket(hash))
        {
            if (slot == 0 || (((uint)slot ^ hash) & ~1u) != 0)
                continue;
            age = Age(slot);
            Ghost found = (slot & 1) == 0 ? Ghost.OfSmall : Ghost.OfMain;
            slot = 0;
            return found;
        }

        return Ghost.None;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _slots = [];
        _buckets = 0;
    }

    private void Place(ulong added)
    {
        Span<ulong> bucket = Bucket((uint)added);
        int place = 0;
        uint oldest = 0;
        for (int i = 0; i < bucket.Length; i++)
        {
            if (bucket[i] == 0)
            {
                place = i;
                break;
            }

            uint age = Age(bucket[i]);
            if (age >= oldest)
            {
                oldest = age;
                place = i;
            }
        }

        bucket[place] = added;
    }

    private uint Age(ulong slot) => ((slot & 1) == 0 ? _evictedFromSmall : _evictedFromMain) - (uint)(slot >> 32);

    private Span<ulong> Bucket(uint hash)
    {
        uint bucket = (uint)(((ulong)(hash & ~1u) * _buckets) >> 32);
        return _slots.AsSpan((int)bucket * BucketSize, BucketSize);
    }
}
