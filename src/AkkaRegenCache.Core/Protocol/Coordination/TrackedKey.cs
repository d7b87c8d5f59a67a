using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// What a coordinator knows of a key that is scheduled or has a claim. A million of them must fit in memory, so the state that only a claim
/// needs is in its <see cref="TrackedClaim"/>.
/// </summary>
internal sealed class TrackedKey(string key) : Timed
{
    public const int Nobody = -1;

    public string Key { get; } = key;

    /// <summary>The newest token that is known to be accepted; 0: none.</summary>
    public long Token { get; set; }

    /// <summary>When a node is asked to regenerate the key; <see cref="long.MaxValue"/>: nothing is due.</summary>
    public long DueAt { get; set; } = long.MaxValue;

    /// <summary>Until when the key is active, as far as is known.</summary>
    public long ActiveUntil { get; set; } = long.MinValue;

    /// <summary>The nodes that can regenerate the key, one bit for each.</summary>
    public ulong Offers { get; set; }

    /// <summary>The node that made the last value.</summary>
    public int Owner { get; set; } = Nobody;

    /// <summary>The claim or request under way; null: none.</summary>
    public TrackedClaim? TrackedClaim { get; set; }

    public bool IsIdle => TrackedClaim is null && DueAt == long.MaxValue;

    public override long NextDeadline => TrackedClaim is { } standing ? Math.Min(DueAt, standing.NextDeadline) : DueAt;
}

/// <summary>A claim or request under way for a key: the holder, the waiting nodes, the node that was asked to act.</summary>
internal sealed class TrackedClaim
{
    /// <summary>The node that holds the claim.</summary>
    public int Holder { get; set; } = TrackedKey.Nobody;

    /// <summary>The token of that node's claim.</summary>
    public long HoldToken { get; set; }

    /// <summary>When the claim has ended, even if its outcome is never received.</summary>
    public long HoldEnds { get; set; } = long.MaxValue;

    /// <summary>Nodes whose callers wait, in the order in which they reported it.</summary>
    public List<(int Node, long Token)> Awaiting { get; } = [];

    /// <summary>Until when the waiting nodes are remembered if no outcome is received. Nodes that still wait then report again.</summary>
    public long AwaitingUntil { get; set; } = long.MaxValue;

    /// <summary>The node that was asked to regenerate the key, or to take its claim over.</summary>
    public int Asked { get; set; } = TrackedKey.Nobody;

    /// <summary>The token of the claim that the node was last asked to steal.</summary>
    public long AskedToken { get; set; }

    /// <summary>When another node is asked.</summary>
    public long AskedUntil { get; set; } = long.MaxValue;

    /// <summary>The nodes that were asked already, one bit for each.</summary>
    public ulong Tried { get; set; }

    /// <summary>The node believed dead whose claim is to be stolen; null: none.</summary>
    public string? Orphan { get; set; }

    /// <summary>The claim that the store did not let a node steal; its lease has to end.</summary>
    public long RefusedToken { get; set; }

    /// <summary>The outcome of the last claim, for nodes that report their wait late.</summary>
    public CacheNotification? LastOutcome { get; set; }

    /// <summary>The nodes that have received the last outcome; they do not receive it again.</summary>
    public ulong Notified { get; set; }

    /// <summary>Until when the last outcome is remembered.</summary>
    public long RememberedUntil { get; set; } = long.MaxValue;

    public bool IsOver => Holder == TrackedKey.Nobody && Asked == TrackedKey.Nobody && Awaiting.Count == 0 && LastOutcome is null;

    public long NextDeadline =>
        Math.Min(Math.Min(HoldEnds, AskedUntil), Math.Min(RememberedUntil, Awaiting.Count > 0 ? AwaitingUntil : long.MaxValue));
}
