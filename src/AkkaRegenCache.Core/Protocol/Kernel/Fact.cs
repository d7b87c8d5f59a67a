using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>A fact that a component states for the components above it.</summary>
internal enum FactKind
{
    /// <summary>A newer token of a key is known. It supersedes a flight under an older one.</summary>
    TokenHeard,

    /// <summary>Memory shows another value of a key.</summary>
    ValueShown,

    /// <summary>Memory shows a change of this node that is on its way to the store.</summary>
    ChangeShown,

    /// <summary>A claim or change of a key has ended: the flights that wait for it go on.</summary>
    WaitOver,

    /// <summary>A flight has been begun for a key.</summary>
    FlightBegun,

    /// <summary>The store has something newer than what is shown.</summary>
    FetchWanted,

    /// <summary>The store is to be read beside a key's flight.</summary>
    LookWanted,

    /// <summary>A claim of this node is lost.</summary>
    ClaimLost,

    /// <summary>The store answers again after it was down.</summary>
    StoreBack,

    /// <summary>A partition of the store has begun an epoch: this node's first one, or a new one.</summary>
    EpochBegan,
}

/// <summary>
/// A fact on the work list. Components command those below them and state facts to those above them, so that no call comes back into a
/// component that has not finished its work.
/// </summary>
internal readonly record struct Fact(FactKind Kind)
{
    public KeyState? State { get; init; }

    public Flight? Flight { get; init; }

    public CachePayload? Payload { get; init; }

    public long Token { get; init; }

    public int Partition { get; init; }

    /// <summary>For an epoch: whether it is the first one that this node knows.</summary>
    public bool IsFirst { get; init; }
}
