using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// A set or removal that the store has not accepted yet. It begins as one call. If the store does not answer in time, the node shows the
/// change and tells its caller that it is pending, and the change waits in its key's queue until the store answers.
/// </summary>
internal sealed class PendingChange(KeyState state, ChangeRequested asked) : Timed
{
    public KeyState State { get; } = state;

    public Waiter Caller { get; } = asked.Caller;

    public EntryProfile Profile => Caller.Profile;

    /// <summary>The value that is set; null: a removal.</summary>
    public CachePayload? Payload { get; } = asked.Payload;

    /// <inheritdoc cref="ChangeRequested.MemoryOnly"/>
    public bool MemoryOnly { get; } = asked.MemoryOnly;

    /// <summary>The change's number on this node: the later of two changes has the higher one.</summary>
    public required long Number { get; init; }

    public required OperationId Operation { get; set; }

    /// <summary>
    /// The newest token that this node knew when the change was asked for, or the token of a change before it in the queue.
    /// </summary>
    public required long Observed { get; set; }

    public required long AskedAt { get; init; }

    /// <summary>When the caller is told that the change is pending.</summary>
    public required long CallerEnds { get; init; }

    /// <summary>The store's epoch when it was asked for.</summary>
    public required string Epoch { get; init; }

    /// <summary>The number of gaps found when it was asked for.</summary>
    public required long Gaps { get; init; }

    /// <summary>When it was first sent under its operation id.</summary>
    public long SentAt { get; set; }

    /// <summary>When it is tried again.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>The number of tries, sent or not.</summary>
    public int Tries { get; set; }

    /// <summary>Whether a try may have reached the store without an answer.</summary>
    public bool IsInDoubt { get; set; }

    public bool IsInFlight { get; set; }

    /// <summary>Whether it waits in its key's queue.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Whether this node shows it and its caller has been answered.</summary>
    public bool IsApplied { get; set; }

    /// <summary>Whether it takes one of the places for changes that are sent after an outage.</summary>
    public bool IsFlushed { get; set; }

    /// <summary>The token of a later change of this node that the store has accepted; 0: none.</summary>
    public long SupersededBy { get; set; }

    /// <summary>The previous change of the key that is not resolved.</summary>
    public PendingChange? NextOpen { get; set; }

    /// <summary>Whether it has ended: the store accepted it, or something newer superseded it.</summary>
    public bool IsResolved { get; set; }

    public override bool IsOver => IsResolved;

    public override long NextDeadline =>
        IsResolved ? long.MaxValue : Math.Min(IsApplied ? long.MaxValue : CallerEnds, IsInFlight ? long.MaxValue : WakeAt);
}
