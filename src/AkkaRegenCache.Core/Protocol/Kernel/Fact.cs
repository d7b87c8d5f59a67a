using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What a part of the agent states, for the parts above it.</summary>
internal enum FactKind
{
    /// <summary>A newer token of a key is known. A flight that runs under an older one is overtaken.</summary>
    TokenHeard,

    /// <summary>Memory shows another value of a key.</summary>
    ValueShown,

    /// <summary>Memory shows a change of this node that is on its way to the store.</summary>
    ChangeShown,

    /// <summary>A claim of a key, or a change, has come to its end: whoever waits for it has waited long enough.</summary>
    WaitOver,

    /// <summary>A flight has been begun for a key.</summary>
    FlightBegun,

    /// <summary>The store has something newer than what is shown.</summary>
    FetchWanted,

    /// <summary>The store is to be asked beside a key's flight.</summary>
    LookWanted,

    /// <summary>A claim that was kept alive is gone.</summary>
    ClaimLost,

    /// <summary>The store answers again after it counted as down.</summary>
    StoreBack,

    /// <summary>A partition of the store has begun an epoch, for this node its first or another one.</summary>
    EpochBegan,
}

/// <summary>
/// A fact on the work list. Components of the agent command those below them and state to those above them what they know, so that no call comes back into a part that
/// is in the middle of something.
/// </summary>
internal readonly record struct Fact(FactKind Kind)
{
    public KeyState? State { get; init; }

    public Flight? Flight { get; init; }

    public CachePayload? Payload { get; init; }

    public long Token { get; init; }

    public int Partition { get; init; }

    /// <summary>Of an epoch: whether it is the first that this node knows of.</summary>
    public bool IsFirst { get; init; }
}
