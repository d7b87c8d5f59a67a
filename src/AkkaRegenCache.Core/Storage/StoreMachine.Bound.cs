namespace AkkaRegenCache.Storage;

/// <summary>
/// Eviction when the bound is reached, as in a store that evicts (Redis with <c>maxmemory</c>). Nodes must cope with that anyway.
/// </summary>
/// <remarks>
/// The clock algorithm (F. J. Corbató, 1968), over the records that have a value: one that was asked for since the hand passed gets another
/// round. The schedule is evicted with the value; the token is remembered for as long as that of an expired record, so that tokens do not
/// go back. A record under a claim stays, because its holder is about to replace it.
/// </remarks>
internal partial class StoreMachine
{
    /// <summary>The approximate overhead of a record beside its key and value.</summary>
    private const int RecordOverhead = 250;

    /// <summary>The number of records that are examined for one that was not asked for. After that any one is evicted.</summary>
    private const int LookedAt = 64;

    private readonly List<StoreSlot> _clock = [];

    /// <summary>
    /// Whether the store's only cache shows the key. Such a record stays, however long ago it was asked for. Null: unknown.
    /// </summary>
    public Func<string, bool>? IsShown { get; set; }

    private int _hand;

    /// <summary>Loses parts of a key's state, as a store that evicts does: <see cref="StoreSlot.Lose"/>. For the simulator.</summary>
    /// <returns>Whether there was anything.</returns>
    internal bool Lose(string key, bool value, bool state)
    {
        if (!_slots.TryGetValue(key, out var slot))
            return false;
        slot.Lose(value, state);
        return true;
    }

    /// <summary>Forgets all first answers. For the simulator.</summary>
    internal void LoseOperations() => _operations.ForgetAll(long.MaxValue);

    /// <summary>Returns its share of the bound: the machine is not used any more.</summary>
    public void Leave()
    {
        foreach (var slot in _clock)
            _bound?.Add(-1, -slot.Weight);
        _clock.Clear();
    }

    /// <summary>Counts a step's change of a slot, and makes room.</summary>
    private void Weigh(StoreSlot slot, long now)
    {
        if (_bound is null)
            return;
        var weight = slot.Payload is { } payload ? (long)payload.Size + (2 * slot.Key.Length) + RecordOverhead : 0;
        if (weight != slot.Weight)
            SetWeight(slot, weight);
        while (_bound.IsExceeded && Evict(slot, now))
        {
        }
    }

    private void SetWeight(StoreSlot slot, long weight)
    {
        _bound!.Add((weight == 0 ? 0 : 1) - (slot.Weight == 0 ? 0 : 1), weight - slot.Weight);
        slot.Weight = weight;
        if (weight != 0 && slot.Place < 0)
        {
            slot.Place = _clock.Count;
            _clock.Add(slot);
        }
        else if (weight == 0 && slot.Place >= 0)
        {
            var last = _clock[^1];
            _clock[slot.Place] = last;
            last.Place = slot.Place;
            _clock.RemoveAt(_clock.Count - 1);
            slot.Place = -1;
        }
    }

    /// <summary>Evicts one record other than the newest, or the newest itself if no other can go.</summary>
    private bool Evict(StoreSlot newest, long now)
    {
        StoreSlot? last = null;
        for (var i = 0; i < Math.Min(LookedAt, _clock.Count * 2); i++)
        {
            if (_hand >= _clock.Count)
                _hand = 0;
            var slot = _clock[_hand++];
            if (slot == newest || (slot.Claim is { } claim && IsLive(claim, now)) || IsShown?.Invoke(slot.Key) == true)
                continue;
            last = slot;
            if (!slot.WasAskedFor)
                break;
            slot.WasAskedFor = false;
        }

        // None was found: the newest record is not kept. With IsShown it is kept, because what a cache shows is bounded
        // anyway.
        if (IsShown is null)
            last ??= newest.Weight != 0 ? newest : null;
        if (last is null)
            return false;
        last.Evict();
        SetWeight(last, 0);
        return true;
    }
}
