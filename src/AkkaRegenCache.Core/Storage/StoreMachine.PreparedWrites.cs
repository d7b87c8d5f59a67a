namespace AkkaRegenCache.Storage;

/// <summary>A change that was decided on, and is to be stored elsewhere before it counts.</summary>
internal sealed class PreparedWrite
{
    public required OperationId Operation { get; init; }

    public required ChangeAnswer Answer { get; init; }

    /// <summary>The slot as it will be; null: nothing is to be changed, and the answer stands.</summary>
    public StoreSlot? Slot { get; init; }

    /// <summary>The slot's activity when the draft was made.</summary>
    public long ActiveUntilBefore { get; init; }

    /// <summary>Until when a draft in doubt is remembered.</summary>
    public long KeptUntil { get; set; }
}

/// <summary>
/// The steps of a store that keeps its values elsewhere, where storing one takes time and may fail, and where others store values too. It
/// decides on a draft of the slot, stores, and applies the draft; it serializes what it does to a key meanwhile. Renewals, releases and touches
/// may come in between.
/// </summary>
internal partial class StoreMachine
{
    private static readonly long s_doubtKept = TimeSpan.FromSeconds(10).Ticks;
    private static readonly long s_foundKept = TimeSpan.FromSeconds(10).Ticks;

    /// <summary>The first answer to an operation, where it was done before.</summary>
    internal StoreAnswer? Recall(OperationId operation) => TryRecall(operation, out var first) ? first : null;

    /// <summary>Decides on a commit, a write or an invalidation without doing it.</summary>
    internal PreparedWrite Draft(MutationRequest request, long now)
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

    /// <summary>The draft was stored: now it counts.</summary>
    internal void Apply(PreparedWrite draft, long now)
    {
        var slot = SlotOf(draft.Slot!.Key);
        if (slot.ActiveUntil > draft.ActiveUntilBefore)
            draft.Slot.ProlongActivity(slot.ActiveUntil);
        slot.Become(draft.Slot);
        _operations.Remember(draft.Operation, draft.Answer, now);
        Requeue(slot, now);
    }

    /// <summary>
    /// Storing the draft failed: nothing is changed, and the operation can be repeated. But it may have been stored all the same; should it
    /// turn up, it counts. Its token isn't given out again.
    /// </summary>
    internal void Doubt(PreparedWrite draft, long now)
    {
        var slot = SlotOf(draft.Slot!.Key);
        slot.NewestToken = Math.Max(slot.NewestToken, draft.Slot.NewestToken);
        draft.KeptUntil = now + s_doubtKept;
        slot.Doubtful = draft;
        Requeue(slot, now);
    }

    /// <summary>
    /// Takes in the record that was found where the values are kept. The newest token wins: an older one than is known overwrote what
    /// was stored, by a race that nothing can prevent there, and counts as no value.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="found">The record.</param>
    /// <param name="isOwn">Whether this very store wrote it.</param>
    /// <param name="now">The store's clock.</param>
    /// <returns>The tombstone that is to be put back, where it is what was overwritten.</returns>
    internal RecordFacts? Learn(string key, in RecordFacts found, bool isOwn, long now)
    {
        var slot = SlotOf(key);
        slot.KnownUntil = now + s_foundKept;
        if (isOwn && found.Token > slot.Token && slot.Doubtful is { } doubtful && doubtful.Slot!.Token == found.Token)
        {
            Apply(doubtful, now);
            return null;
        }

        if (found.Token >= slot.Token)
        {
            slot.Learn(found);
        }
        else if (slot.IsElsewhere)
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

    /// <summary>A record was found that can't be read, but has a token.</summary>
    internal void LearnUnreadable(string key, long token, long now)
    {
        var slot = SlotOf(key);
        slot.KnownUntil = now + s_foundKept;
        if (token > slot.Token)
            slot.LearnUnreadable(token);
        else if (slot.IsElsewhere)
            slot.LoseValue();
        Requeue(slot, now);
    }

    /// <summary>No record was found. A tombstone goes on all the same: it is known here.</summary>
    internal void LearnMissing(string key)
    {
        if (_slots.TryGetValue(key, out var slot) && slot.IsElsewhere)
            slot.LoseValue();
    }
}
