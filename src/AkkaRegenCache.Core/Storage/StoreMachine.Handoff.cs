using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Storage;

/// <summary>
/// A machine's whole state of one key, for a handoff to another machine. Times are durations from now; tokens stay the same.
/// </summary>
internal sealed record HandoffSlot
{
    public required string Key { get; init; }

    public CachePayload? Payload { get; init; }

    public long Token { get; init; }

    public long NewestToken { get; init; }

    /// <summary>Until the value or tombstone ends; null: there is neither.</summary>
    public TimeSpan? EndsIn { get; init; }

    public TimeSpan Interval { get; init; }

    /// <summary>Until the next target; null: nothing is scheduled.</summary>
    public TimeSpan? DueIn { get; init; }

    public TimeSpan ActiveFor { get; init; }

    /// <summary>How long a scheduled regeneration is not tried again.</summary>
    public TimeSpan DueBackoff { get; init; }

    public HandoffClaim? Claim { get; init; }

    public HandoffFailure? Failure { get; init; }
}

/// <summary>A live claim.</summary>
internal sealed record HandoffClaim(string Owner, long Token, TimeSpan EndsIn, TimeSpan SafeFor, bool IsContended);

/// <summary>A failed generation.</summary>
internal sealed record HandoffFailure(GenerationFailure Failure, long Token, TimeSpan Backoff, TimeSpan KeptFor);

/// <summary>A remembered first answer.</summary>
internal sealed record HandoffOperation(OperationId Operation, StoreAnswer Answer, TimeSpan KeptFor);

/// <summary>Handoff: a machine's state is moved to another one, which continues its epoch.</summary>
internal partial class StoreMachine
{
    /// <summary>All state that is still needed.</summary>
    internal IEnumerable<HandoffSlot> ExportSlots(long now) =>
        from slot in _slots.Values where slot.NeededUntil > now select slot.Export(now);

    /// <summary>Whether it has no state of any other key.</summary>
    internal bool HoldsNothingBut(string key) => _slots.Count == 0 || (_slots.Count == 1 && _slots.ContainsKey(key));

    /// <summary>Until when a key's state is needed; 0: there is none.</summary>
    internal long NeededUntil(string key) => _slots.TryGetValue(key, out var slot) ? slot.NeededUntil : 0;

    /// <summary>The remembered first answers, oldest first.</summary>
    internal IEnumerable<HandoffOperation> ExportOperations(long now) => _operations.Export(now);

    /// <summary>Imports the state of another machine.</summary>
    internal void Import(HandoffSlot moved, long now)
    {
        var slot = SlotOf(moved.Key);
        slot.Import(moved, now);
        Requeue(slot, now);
    }

    /// <summary>
    /// Takes back a record of an earlier epoch that a node still shows, unless the key was claimed or changed in this epoch. The newest
    /// record counts.
    /// </summary>
    /// <returns>Whether it was taken.</returns>
    internal bool Restore(RecoveryRecord kept, CachePayload payload, long now)
    {
        var slot = SlotOf(kept.Key);
        var isTaken = slot.Restore(kept, payload, now);
        Requeue(slot, now);
        return isTaken;
    }

    /// <inheritdoc cref="Import(HandoffSlot, long)"/>
    internal void Import(HandoffOperation moved, long now) =>
        _operations.Remember(moved.Operation, moved.Answer, now + moved.KeptFor.Ticks - _operations.Kept);
}
