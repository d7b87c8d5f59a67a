namespace AkkaRegenCache.Memory;

/// <summary>Decides which entry is evicted when the layer is full.</summary>
/// <remarks>
/// <para>
/// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP '23): a new key enters a small queue. At
/// its end it moves on to the main queue if it was read meanwhile, and is evicted if not, so that what is read once
/// costs the cache little. At the end of the main queue an entry goes round again as often as it was read, twice at most. An evicted
/// key is remembered for a while by its hash, a ghost; one that returns in that time enters the main queue at once. A read only
/// raises a counter, so readers need no lock.
/// </para>
/// <para>
/// How large the small queue should be depends on the traffic: a tenth serves a web shop, but where keys are used in bursts and
/// then never again, nearly everything. So the share adapts, as in ARC and CAR (Bansal and Modha, "CAR: Clock with
/// adaptive replacement", FAST '04), by the ghosts that return: one evicted from the small queue says that it should
/// have been larger, one evicted from the main queue says the opposite. Other than there, a vote weighs less the older the
/// ghost. What there is to decide is where a slot brings more hits; a ghost evicted <em>n</em> others ago shows a hit
/// that <em>n</em> more slots would have brought, an <em>n</em>th of a hit for each. Unweighted, the many old ghosts of
/// long-tailed traffic outvote the fresh ones; and if the old ones had no vote at all, keys that come back after a fixed time just
/// too long for the small queue would never be noticed.
/// </para>
/// <para>
/// Small queue and its ghosts together remember as many keys as there are entries, the rule of ARC and CAR: whatever LRU would
/// have held is at least recognised. Main's ghosts are half as many: on the traces we have, more of them gained nothing.
/// </para>
/// <para>
/// All is counted in entries and in parts of what is in the layer, so it works alike when bytes are what is bounded.
/// </para>
/// </remarks>
internal sealed class AdaptiveS3Fifo
{
    private const byte InSmall = 1;
    private const byte InMain = 2;

    private const double InitialShare = 0.1;
    private const double SmallestShare = 0.01;
    private const double LargestShare = 0.9;

    /// <summary>
    /// How many slots the target moves for a returning ghost. In a tiny layer it moves less, so that no single key decides.
    /// </summary>
    private const double SlotsPerVote = 3;
    private const double LargestVote = 1.0 / 32;

    /// <summary>Up to this age, as a part of the entries, a vote has its full weight; from there it falls as 1/age.</summary>
    private const double FullWeightPart = 1.0 / 32;

    /// <summary>
    /// The most entries examined for one eviction: if all are hot, a hot one must go, but not after a walk past a million others.
    /// </summary>
    private const int LongestWalk = 512;

    private readonly EntryQueue _small = new(InSmall);
    private readonly EntryQueue _main = new(InMain);
    private readonly GhostTable _ghosts = new();
    private bool _everEvicted;

    /// <summary>The part of the entries that the small queue should have.</summary>
    public double SmallShare { get; private set; } = InitialShare;

    /// <summary>The capacity for ghosts, bounded by the highest number of entries so far.</summary>
    public int GhostSlots => _ghosts.Slots;

    private int Count => _small.Count + _main.Count;

    private double SmallTarget => Math.Max(1, SmallShare * Count);

    /// <summary>Looks a new key up among the ghosts, before other entries are evicted for it.</summary>
    /// <returns>Whether it is known and enters the main queue directly.</returns>
    public bool Recall(uint hash)
    {
        Ghost ghost = _ghosts.Take(hash, out uint age);
        int remembered = ghost switch
        {
            Ghost.OfSmall => Count - _small.Count,
            Ghost.OfMain => Count / 2,
            _ => 0,
        };
        if (age >= remembered)
            return false;
        double weight = Math.Min(1, FullWeightPart * Count / (age + 1));
        double vote = weight * Math.Min(SlotsPerVote / Count, LargestVote);
        SmallShare = Math.Clamp(SmallShare + (ghost == Ghost.OfSmall ? vote : -vote), SmallestShare, LargestShare);
        return true;
    }

    /// <summary>Takes a new entry in.</summary>
    /// <param name="entry">An entry in no queue.</param>
    /// <param name="known">What <see cref="Recall"/> said of its key.</param>
    public void Add(MemoryEntry entry, bool known)
    {
        // While there is room, nothing has to be evicted. Filling the main queue first makes a loop over slightly more keys than fit keep
        // some of them; a queue would lose each one just before its turn.
        bool filling = !_everEvicted && _small.Count >= SmallTarget;
        (known || filling ? _main : _small).Enqueue(entry);
    }

    /// <summary>Forgets an entry that is removed.</summary>
    public void Remove(MemoryEntry entry) => (entry.Queue == InSmall ? _small : _main).Remove(entry);

    /// <summary>Chooses an entry to evict, removes it from its queue and remembers it as a ghost.</summary>
    /// <param name="spared">An entry that must stay, or null. There must be another one.</param>
    public MemoryEntry Evict(MemoryEntry? spared)
    {
        _everEvicted = true;
        // With both ghost queues full there would be half as many ghosts again as entries. That is rare, and then the oldest ones are
        // dropped.
        _ghosts.EnsureRoomFor(Count + (Count / 8));
        for (int walked = 0; ; walked++)
        {
            bool fromSmall = _small.Count > 0 && (_main.Count == 0 || _small.Count >= SmallTarget);
            MemoryEntry entry = (fromSmall ? _small : _main).Dequeue();
            if (ReferenceEquals(entry, spared))
            {
                _main.Enqueue(entry);
                continue;
            }

            if (entry.Frequency == 0 || walked >= LongestWalk)
            {
                _ghosts.Add(entry.Hash, fromSmall ? Ghost.OfSmall : Ghost.OfMain);
                return entry;
            }

            // The count starts again: in the small queue it only matters that the entry was read at all.
            if (fromSmall)
                entry.ForgetFrequency();
            else
                entry.Age();
            _main.Enqueue(entry);
        }
    }

    /// <summary>Forgets all entries and ghosts, and what the ghosts have taught.</summary>
    public void Clear()
    {
        while (_small.Count > 0)
            _small.Dequeue();
        while (_main.Count > 0)
            _main.Dequeue();
        _ghosts.Clear();
        _everEvicted = false;
        SmallShare = InitialShare;
    }
}
