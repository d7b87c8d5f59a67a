namespace AkkaRegenCache.Storage;

/// <summary>A decided change that must be stored externally before it counts.</summary>
internal sealed class PreparedWrite
{
    public required OperationId Operation { get; init; }

    public required ChangeAnswer Answer { get; init; }

    /// <summary>The slot after the change; null: nothing is changed, and the answer stands.</summary>
    public StoreSlot? Slot { get; init; }

    /// <summary>The slot's activity when the write was prepared.</summary>
    public long ActiveUntilBefore { get; init; }

    /// <summary>Until when a write with an unknown outcome is remembered.</summary>
    public long KeptUntil { get; set; }
}

/// <summary>
/// The steps of a store that keeps its values externally, where storing takes time and may fail, and where other processes store values,
/// too. It prepares a changed slot, stores it, and then applies it. Calls on a key are serialized meanwhile; only renewals, releases and
/// touches may come between.
/// </summary>
internal partial class StoreMachine
{
    private static readonly long s_unsettledKept = TimeSpan.FromSeconds(10).Ticks;
    private static readonly long s_foundKept = TimeSpan.FromSeconds(10).Ticks;

    /// <summary>The first answer to a repeated operation; null: it is not known.</summary>
    internal StoreAnswer? Recall(OperationId operation) => TryRecall(operation, out var first) ? first : null;

    /// <summary>Decides on a commit, a write or an invalidation without applying it.</summary>
    internal PreparedWrite Prepare(MutationRequest request, long now)
    {
        Purge(now);
        if (TryRecall(request.Operation, out var first))
            return new PreparedWrite { Operation = request.Operation, Answer = (ChangeAnswer)first };

        var copy = _slots.TryGetValue(request.Key, out var slot) ? slot.Copy() : new StoreSlot(request.Key);
        var activeUntil = copy.ActiveUntil;
        var answer = ChangeIn(copy, request, now);
        if (!answer.Accepted && IsFinal(request, answer))
            _operations.Remember(request.Operation, answer, now);
        return new PreparedWrite
        {
            Operation = request.Operation,
            Answer = answer,
            Slot = answer.Accepted ? copy : null,
            ActiveUntilBefore = activeUntil,
        };
    }

    /// <summary>Applies a prepared write that was stored.</summary>
    internal void Apply(PreparedWrite prepared, long now)
    {
        var slot = SlotOf(prepared.Slot!.Key);
        if (slot.ActiveUntil > prepared.ActiveUntilBefore)
            prepared.Slot.ProlongActivity(slot.ActiveUntil);
        slot.Become(prepared.Slot);
        _operations.Remember(prepared.Operation, prepared.Answer, now);
        Requeue(slot, now);
    }

    /// <summary>
    /// Storing the write failed: nothing is changed, and the operation can be repeated. It may have been stored all the same; if it is
    /// found later, it counts. Its token is not given out again.
    /// </summary>
    internal void NoteUnknownOutcome(PreparedWrite prepared, long now)
    {
        var slot = SlotOf(prepared.Slot!.Key);
        slot.NewestToken = Math.Max(slot.NewestToken, prepared.Slot.NewestToken);
        prepared.KeptUntil = now + s_unsettledKept;
        slot.Unsettled = prepared;
        Requeue(slot, now);
    }

    /// <summary>
    /// Takes in a record that was found in the external storage. The newest token wins. An older record has overwritten what was stored, in
    /// a race that the external storage can't prevent, and counts as no value.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="found">The record.</param>
    /// <param name="isOwn">Whether this store instance wrote it.</param>
    /// <param name="now">The store's clock.</param>
    /// <returns>The tombstone to store again, if the record has overwritten it.</returns>
    internal RecordFacts? Learn(string key, in RecordFacts found, bool isOwn, long now)
    {
        var slot = SlotOf(key);
        slot.KnownUntil = now + s_foundKept;
        if (isOwn && found.Token > slot.Token && slot.Unsettled is { } unsettled && unsettled.Slot!.Token == found.Token)
        {
            Apply(unsettled, now);
            return null;
        }

        if (found.Token >= slot.Token)
        {
            slot.Learn(found);
        }
        else if (slot.IsExternal)
        {
            slot.LoseValue();
        }
        else if (slot.Payload is null && slot.HasRecord(now))
        {
            return slot.Facts;
        }

        Requeue(slot, now);
        return null;
    }

    /// <summary>A record was found whose token is readable, but not its value.</summary>
    internal void LearnUnreadable(string key, long token, long now)
    {
        var slot = SlotOf(key);
        slot.KnownUntil = now + s_foundKept;
        if (token > slot.Token)
            slot.LearnUnreadable(token);
        else if (slot.IsExternal)
            slot.LoseValue();
        Requeue(slot, now);
    }

    /// <summary>No record was found. A tombstone stays, because it is known here.</summary>
    internal void LearnMissing(string key)
    {
        if (_slots.TryGetValue(key, out var slot) && slot.IsExternal)
            slot.LoseValue();
    }
}
