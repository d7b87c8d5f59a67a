using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Notifications;

/// <summary>What a notification says.</summary>
public enum NotificationKind
{
    /// <summary>The publisher's last number, repeated so that a node that missed it notices.</summary>
    Heartbeat,

    /// <summary>A value was accepted by the store.</summary>
    Fresh,

    /// <summary>A key was removed.</summary>
    Removed,

    /// <summary>A generation failed.</summary>
    Failed,

    /// <summary>A generation ended with a value for waiting callers that was not stored.</summary>
    Uncached,

    /// <summary>A claim ended without a result: waiting nodes ask again.</summary>
    Released,

    /// <summary>A generator waits for a claim of another node: the probe asks whether that claim's run waits for the generator.</summary>
    WaitProbe,
}

/// <summary>
/// Tells the other nodes of a cache what became of a key. Delivered at most once, in any order. It is a hint that saves time; correctness
/// never depends on it. Immutable.
/// </summary>
public sealed record CacheNotification
{
    /// <summary>The node incarnation that published it.</summary>
    public required string Publisher { get; init; }

    /// <summary>
    /// The publisher's count of notifications, this one included. A heartbeat and a wait probe repeat the last one. A gap tells a receiver
    /// that it missed something.
    /// </summary>
    public long Sequence { get; init; }

    /// <summary>What it says.</summary>
    public required NotificationKind Kind { get; init; }

    /// <summary>The store's epoch as the publisher knows it.</summary>
    public required string Epoch { get; init; }

    /// <summary>The key; empty in a heartbeat.</summary>
    public string Key { get; init; } = "";

    /// <summary>The fencing token of the value, the removal, the ended claim or the claim that is waited for.</summary>
    public long Token { get; init; }

    /// <summary>The value, if it is sent along.</summary>
    public CachePayload? Payload { get; init; }

    /// <summary>Fresh: how long the value is fresh.</summary>
    public TimeSpan FreshFor { get; init; }

    /// <summary>Fresh: time until the next regeneration is due; null where none is scheduled.</summary>
    public TimeSpan? DueIn { get; init; }

    /// <summary>Fresh: how much longer the key stays active without reads.</summary>
    public TimeSpan ActiveFor { get; init; }

    /// <summary>Failed: the failure.</summary>
    public GenerationFailure? Failure { get; init; }

    /// <summary>Wait probe: its initiator and the runs it has passed.</summary>
    public WaitProbe? Probe { get; init; }

    /// <summary>Whether it has a number of its own, by which a lost or repeated one is noticed.</summary>
    internal bool IsNumbered => Kind is not (NotificationKind.Heartbeat or NotificationKind.WaitProbe);
}
