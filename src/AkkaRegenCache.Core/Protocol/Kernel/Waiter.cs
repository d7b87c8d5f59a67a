namespace AkkaRegenCache.Protocol;

/// <summary>What a caller wants.</summary>
internal enum WaiterKind
{
    /// <summary>The value; it is generated if there is none.</summary>
    Get,

    /// <summary>The value, if there is one.</summary>
    Peek,

    /// <summary>A value whose generation begins after the call.</summary>
    Refresh,

    /// <summary>To set the value.</summary>
    Set,

    /// <summary>To remove the key.</summary>
    Remove,
}

/// <summary>What a caller gets.</summary>
internal enum AnswerKind
{
    /// <summary>A value.</summary>
    Value,

    /// <summary>The value is in this node's memory. The caller looks there, and asks again if it has been evicted.</summary>
    InMemory,

    /// <summary>There is no value.</summary>
    Missing,

    /// <summary>The generator failed.</summary>
    Failed,

    /// <summary>The caller's hard timeout has passed.</summary>
    TimedOut,

    /// <summary>The generation deadline has passed.</summary>
    DeadlinePassed,

    /// <summary>The store did not accept the change.</summary>
    StoreFailed,

    /// <summary>The change is done, or was superseded.</summary>
    Changed,

    /// <summary>A refresh of a key for which this node knows no generator.</summary>
    NoGenerator,

    /// <summary>The node has left.</summary>
    Left,

    /// <summary>Too many generations run and wait on this node.</summary>
    Overloaded,
}

/// <summary>
/// The protocol's part of a waiting caller. The shell derives the type that completes the call. It is its own message, so that a miss
/// allocates no second object.
/// </summary>
internal abstract class Waiter(string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source)
{
    public string Key { get; } = key;

    public WaiterKind Kind { get; private set; } = kind;

    /// <summary>The newest value that the caller can't read; 0: none. Only a newer one is of use.</summary>
    public long Unreadable { get; private set; }

    public EntryProfile Profile { get; } = profile;

    /// <summary>The caller's generator. For a refresh without one: the generator that was known when it asked.</summary>
    public GeneratorSource? Source { get; set; } = source;

    /// <summary>Whether the call comes from inside a generator of this process.</summary>
    public bool IsNested { get; set; }

    /// <summary>When the caller stops waiting; set when the machine first sees it.</summary>
    public long Deadline { get; set; }

    /// <summary>The flight that will answer it; null: none, or answered.</summary>
    public Flight? Flight { get; set; }

    /// <summary>Whether its caller has stopped waiting.</summary>
    public bool HasLeft { get; set; }

    /// <summary>The next waiter of the same flight or answer.</summary>
    public Waiter? Next { get; set; }

    /// <summary>The previous waiter of the flight; null: none.</summary>
    public Waiter? Previous { get; set; }

    /// <summary>
    /// The current value can't be read on this node. The caller asks again, for a newer one. Must not be called while a flight has the
    /// waiter.
    /// </summary>
    /// <param name="token">That value's token.</param>
    public void AskForNewer(long token)
    {
        Kind = WaiterKind.Refresh;
        Unreadable = Math.Max(Unreadable, token);
    }

    /// <summary>Whether the value shown under a token is of no use to the caller.</summary>
    public bool IsOfNoUse(long token) => Kind == WaiterKind.Refresh && (Unreadable == 0 || token <= Unreadable);
}

/// <summary>
/// The generator of a key on this node. To the machine it is opaque except for its options. The shell keeps the newest delegate in it.
/// </summary>
internal abstract class GeneratorSource(EntryProfile profile)
{
    private EntryProfile _profile = profile;

    public EntryProfile Profile
    {
        get => Volatile.Read(ref _profile);
        set => Volatile.Write(ref _profile, value);
    }
}

/// <summary>Knows when this node's callers last read a key from memory, from the memory layer's access epochs.</summary>
internal interface IAccessLog
{
    /// <summary>A time that is not after the last read, in the machine's ticks; <see cref="long.MinValue"/>: no read is known.</summary>
    long LastRead(string key);
}
