using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// A set or a removal that the store has not taken yet. It begins as one call; where the store doesn't answer in time it is applied on this node,
/// its caller is told that it is pending, and it waits in its key's queue until the store answers.
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

    /// <summary>The node's changes, counted: which of two came later.</summary>
    public required long Number { get; init; }

    public required OperationId Operation { get; set; }

    /// <summary>The newest token that this node knew when it was asked for, or of a change before it in the queue.</summary>
    public required long Observed { get; set; }

    public required long AskedAt { get; init; }

    /// <summary>When its caller is told that it is pending.</summary>
    public required long CallerEnds { get; init; }

    /// <summary>The store's epoch when it was asked for.</summary>
    public required string Epoch { get; init; }

    /// <summary>How many gaps had been found when it was asked for.</summary>
    public required long Gaps { get; init; }

    /// <summary>When it was first sent under its operation id.</summary>
    public long SentAt { get; set; }

    /// <summary>When it is tried again.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>How often it has been tried, sent or not.</summary>
    public int Tries { get; set; }

    /// <summary>Whether a try may have reached the store, and not been answered.</summary>
    public bool IsInDoubt { get; set; }

    public bool IsInFlight { get; set; }

    /// <summary>Whether it waits in its key's queue.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Whether this node shows it, and its caller has been told.</summary>
    public bool IsApplied { get; set; }

    /// <summary>Whether it takes one of the places of those that are sent after an outage.</summary>
    public bool IsFlushed { get; set; }

    /// <summary>The token of a later change of this node that the store has taken already; 0: none.</summary>
    public long OvertakenBy { get; set; }

    /// <summary>The change of the key before it that isn't over either.</summary>
    public PendingChange? NextOpen { get; set; }

    /// <summary>Over: taken by the store, or lost to something newer.</summary>
    public bool IsResolved { get; set; }

    public override bool IsOver => IsResolved;

    public override long NextDeadline =>
        IsResolved ? long.MaxValue : Math.Min(IsApplied ? long.MaxValue : CallerEnds, IsInFlight ? long.MaxValue : WakeAt);
}
