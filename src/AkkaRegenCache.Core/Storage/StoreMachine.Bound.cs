namespace AkkaRegenCache.Storage;

/// <summary>What goes when there is no room: as a store that evicts (Redis with <c>maxmemory</c>), which every node must be able to live with.</summary>
/// <remarks>
/// The clock algorithm (F. J. Corbató, 1968), over the records that have a value: one that was asked for since the hand passed gets another round. With the value
/// go its schedule and its place; its token is remembered for as long as that of any record that has ended, so that tokens don't go back. A record under a
/// claim stays: whoever makes its next value is about to replace it.
/// </remarks>
internal partial class StoreMachine
{
    /// <summary>What a record takes beside its key and value, about.</summary>
    private const int RecordOverhead = 250;

    /// <summary>So many records are looked at for one that wasn't asked for; then any goes.</summary>
    private const int LookedAt = 64;

    private readonly List<StoreSlot> _clock = [];

    /// <summary>Whether a key's only cache shows it: then it stays, however long ago the store was asked for it. Null: nobody can tell.</summary>
    public Func<string, bool>? IsShown { get; set; }

    private int _hand;

    /// <summary>
    /// Loses parts of what it holds of a key, as an external store does that evicts: <see cref="StoreSlot.Lose"/>. For the simulator.
    /// </summary>
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

    /// <summary>Gives up what it holds of the bound: the machine is not used any more.</summary>
    public void Leave()
    {
        foreach (var slot in _clock)
            _bound?.Add(-1, -slot.Weight);
        _clock.Clear();
    }

    /// <summary>Counts what a step has changed at a slot, and makes room.</summary>
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

    /// <summary>Lets one record go, but for the one that needs the room; it goes itself where no other may.</summary>
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

        // None in reach: what came last is not kept; but what is shown has a bound already.
        if (IsShown is null)
            last ??= newest.Weight != 0 ? newest : null;
        if (last is null)
            return false;
        last.Evict();
        SetWeight(last, 0);
        return true;
    }
}
