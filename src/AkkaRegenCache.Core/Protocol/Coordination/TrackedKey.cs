using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// What a coordinator knows of a key that is scheduled, or has something going on. A million of them must fit: what only something going on
/// needs is in its <see cref="TrackedClaim"/>.
/// </summary>
internal sealed class TrackedKey(string key) : Timed
{
    public const int Nobody = -1;

    public string Key { get; } = key;

    /// <summary>The newest token that is known to be accepted; 0: none is.</summary>
    public long Token { get; set; }

    /// <summary>When a node is asked to regenerate it; <see cref="long.MaxValue"/>: nothing is due.</summary>
    public long DueAt { get; set; } = long.MaxValue;

    /// <summary>How long it is active, as far as is known.</summary>
    public long ActiveUntil { get; set; } = long.MinValue;

    /// <summary>The nodes that can regenerate it, a bit for each.</summary>
    public ulong Offers { get; set; }

    /// <summary>The node that made the last value.</summary>
    public int Owner { get; set; } = Nobody;

    /// <summary>What is going on; null: nothing.</summary>
    public TrackedClaim? TrackedClaim { get; set; }

    public bool IsIdle => TrackedClaim is null && DueAt == long.MaxValue;

    public override long NextDeadline => TrackedClaim is { } standing ? Math.Min(DueAt, standing.NextDeadline) : DueAt;
}

/// <summary>What is going on with a key: a claim, those who wait for it, a node that was asked to act.</summary>
internal sealed class TrackedClaim
{
    /// <summary>The node that holds the claim.</summary>
    public int Holder { get; set; } = TrackedKey.Nobody;

    /// <summary>Its claim.</summary>
    public long HoldToken { get; set; }

    /// <summary>When it has ended, whatever is heard of it.</summary>
    public long HoldEnds { get; set; } = long.MaxValue;

    /// <summary>Nodes whose callers wait, in the order in which they came.</summary>
    public List<(int Node, long Token)> Awaiting { get; } = [];

    /// <summary>Until when they are remembered, should nothing be heard of the claim: those who still wait say so again.</summary>
    public long AwaitingUntil { get; set; } = long.MaxValue;

    /// <summary>The node that was asked to regenerate the key, or to take its claim over.</summary>
    public int Asked { get; set; } = TrackedKey.Nobody;

    /// <summary>The claim that it was last asked to take over.</summary>
    public long AskedToken { get; set; }

    /// <summary>When another one is asked.</summary>
    public long AskedUntil { get; set; } = long.MaxValue;

    /// <summary>Those that were asked already.</summary>
    public ulong Tried { get; set; }

    /// <summary>The node believed dead whose claim is to be taken over; null: none.</summary>
    public string? Orphan { get; set; }

    /// <summary>The claim that the store didn't let be taken over; its lease has to end.</summary>
    public long RefusedToken { get; set; }

    /// <summary>What became of the last claim, for those who register late.</summary>
    public CacheNotification? LastOutcome { get; set; }

    /// <summary>The nodes that have been told of it: one that still waits is told no second time.</summary>
    public ulong Told { get; set; }

    /// <summary>Until when it is remembered.</summary>
    public long RememberedUntil { get; set; } = long.MaxValue;

    public bool IsOver => Holder == TrackedKey.Nobody && Asked == TrackedKey.Nobody && Awaiting.Count == 0 && LastOutcome is null;

    public long NextDeadline =>
        Math.Min(Math.Min(HoldEnds, AskedUntil), Math.Min(RememberedUntil, Awaiting.Count > 0 ? AwaitingUntil : long.MaxValue));
}
