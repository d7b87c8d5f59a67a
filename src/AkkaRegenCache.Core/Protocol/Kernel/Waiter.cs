namespace AkkaRegenCache.Protocol;

/// <summary>What a caller wants.</summary>
internal enum WaiterKind
{
    /// <summary>The value, made where there is none.</summary>
    Get,

    /// <summary>The value, where there is one.</summary>
    Peek,

    /// <summary>A value whose generation begins after now.</summary>
    Refresh,

    /// <summary>To set the value.</summary>
    Set,

    /// <summary>To remove the key.</summary>
    Remove,
}

/// <summary>What a caller gets.</summary>
internal enum AnswerKind
{
    /// <summary>The value.</summary>
    Value,

    /// <summary>The value is in this node's memory: look there, and ask again should it have gone.</summary>
    InMemory,

    /// <summary>There is none.</summary>
    Missing,

    /// <summary>The generator failed.</summary>
    Failed,

    /// <summary>The caller's hard timeout has passed.</summary>
    TimedOut,

    /// <summary>The generation deadline has passed.</summary>
    DeadlinePassed,

    /// <summary>The store didn't take the change.</summary>
    StoreFailed,

    /// <summary>The change is done, or superseded.</summary>
    Changed,

    /// <summary>A refresh of a key for which this node knows no generator.</summary>
    NoGenerator,

    /// <summary>The node has left.</summary>
    Left,

    /// <summary>Too many generations run and wait on this node.</summary>
    Overloaded,
}

/// <summary>
/// A caller who waits: the protocol's part of it. The shell derives what completes the caller. It is its own message, so that a miss costs
/// no second object.
/// </summary>
internal abstract class Waiter(string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source)
{
    public string Key { get; } = key;

    public WaiterKind Kind { get; private set; } = kind;

    /// <summary>The newest value that its caller can't read; 0: none. Only a newer one is of use.</summary>
    public long Unreadable { get; private set; }

    public EntryProfile Profile { get; } = profile;

    /// <summary>The generator the caller brought; of a refresh without one: what was known when it asked.</summary>
    public GeneratorSource? Source { get; set; } = source;

    /// <summary>Whether the caller is itself a generator of this process.</summary>
    public bool IsNested { get; set; }

    /// <summary>When the caller stops waiting; set when the machine first sees it.</summary>
    public long Deadline { get; set; }

    /// <summary>The flight that will answer it; null: none, or answered.</summary>
    public Flight? Flight { get; set; }

    /// <summary>Whether its caller has stopped waiting.</summary>
    public bool HasLeft { get; set; }

    /// <summary>The next waiter of the same flight or answer.</summary>
    public Waiter? Next { get; set; }

    /// <summary>The one before it in its flight; null: it is the first, or in none.</summary>
    public Waiter? Previous { get; set; }

    /// <summary>The value that there is can't be read on this node: asked again, it wants one that is made again. Not while a flight has it.</summary>
    /// <param name="token">That value's token.</param>
    public void AskForNewer(long token)
    {
        Kind = WaiterKind.Refresh;
        Unreadable = Math.Max(Unreadable, token);
    }

    /// <summary>Whether what is shown under a token is of no use to it.</summary>
    public bool IsOfNoUse(long token) => Kind == WaiterKind.Refresh && (Unreadable == 0 || token <= Unreadable);
}

/// <summary>
/// What makes a key's value on this node: to the machine an opaque thing with options. The shell keeps the newest delegate in it.
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

/// <summary>Tells when this node's callers last read a key from memory; answered from the memory layer's access epochs.</summary>
internal interface IAccessLog
{
    /// <summary>A time not after the last read, in the machine's ticks; <see cref="long.MinValue"/>: not known to be read.</summary>
    long LastRead(string key);
}
