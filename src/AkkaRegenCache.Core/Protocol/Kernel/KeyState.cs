namespace AkkaRegenCache.Protocol;

/// <summary>
/// What the agent knows of a key that is in memory, scheduled here, or has an operation in flight. A million of them must fit in memory, so
/// the state that only a running operation needs is in its <see cref="Protocol.Flight"/>.
/// </summary>
internal sealed class KeyState(string key, int partition = 0, int shard = 0) : Timed
{
    [Flags]
    private enum Flags : ushort
    {
        None = 0,
        InMemory = 1,
        Uncommitted = 2,
        Ready = 4,
        Gone = 8,
        Deferred = 16,
        Offered = 32,
        Unscheduled = 64,
        RanOut = 128,
        Touched = 256,
        ShowsPending = 512,
    }

    private Flags _flags;

    public string Key { get; } = key;

    /// <summary>The partition of the store that holds the key.</summary>
    public ushort Partition { get; } = (ushort)partition;

    /// <summary>The shard whose coordinator tracks the key.</summary>
    public ushort Shard { get; } = (ushort)shard;

    /// <summary>The flight that new callers join; null: none.</summary>
    public Flight? Flight { get; set; }

    /// <summary>The key's generator on this node; null: none.</summary>
    public GeneratorSource? Source { get; set; }

    /// <summary>The token of the value that memory shows; for an uncommitted value, the token of its basis.</summary>
    public long Token { get; set; }

    /// <summary>The newest token received, from the store or another node.</summary>
    public long NewestHeard { get; set; }

    /// <summary>When the value in memory expires.</summary>
    public long EndsAt { get; set; } = long.MaxValue;

    /// <summary>When this node regenerates the key, or repairs its state.</summary>
    public long DueAt { get; set; } = long.MaxValue;

    /// <summary>Until when this node's own reads keep the key active.</summary>
    public long ActiveUntil { get; set; } = long.MinValue;

    /// <summary>The number of store operations under way.</summary>
    public int Pending { get; set; }

    /// <summary>The number of failures in a row of scheduled runs on this node.</summary>
    public byte Failures { get; set; }

    /// <summary>Whether memory holds the value.</summary>
    public bool InMemory
    {
        get => (_flags & Flags.InMemory) != 0;
        set
        {
            Set(Flags.InMemory, value);
            Set(Flags.RanOut | Flags.ShowsPending, false);
        }
    }

    /// <summary>Whether memory's value was never accepted by the store, or by an earlier epoch of it only.</summary>
    public bool Uncommitted
    {
        get => (_flags & Flags.Uncommitted) != 0;
        set => Set(Flags.Uncommitted, value);
    }

    /// <summary>Whether it is in the queue for a background place.</summary>
    public bool Ready
    {
        get => (_flags & Flags.Ready) != 0;
        set => Set(Flags.Ready, value);
    }

    /// <summary>Whether it is deferred until the store is back.</summary>
    public bool Deferred
    {
        get => (_flags & Flags.Deferred) != 0;
        set => Set(Flags.Deferred, value);
    }

    /// <summary>Whether the coordinator knows, or will be told, that this node can regenerate the key.</summary>
    public bool Offered
    {
        get => (_flags & Flags.Offered) != 0;
        set => Set(Flags.Offered, value);
    }

    /// <summary>
    /// Whether the store's last answer said that nothing is scheduled, although this node could regenerate the key: the value was set
    /// without a schedule.
    /// </summary>
    public bool Unscheduled
    {
        get => (_flags & Flags.Unscheduled) != 0;
        set => Set(Flags.Unscheduled, value);
    }

    /// <summary>Whether the value in memory expired before there was a newer one. False for removed or evicted values.</summary>
    public bool RanOut
    {
        get => (_flags & Flags.RanOut) != 0;
        set => Set(Flags.RanOut, value);
    }

    /// <summary>Whether memory shows a pending change of this node.</summary>
    public bool ShowsPending
    {
        get => (_flags & Flags.ShowsPending) != 0;
        set => Set(Flags.ShowsPending, value);
    }

    /// <summary>The next and the previous key of the same shard; only with coordinators.</summary>
    public KeyState? NextInShard { get; set; }

    public KeyState? PreviousInShard { get; set; }

    /// <summary>Whether the current step has changed the key's state.</summary>
    public bool IsTouched
    {
        get => (_flags & Flags.Touched) != 0;
        set => Set(Flags.Touched, value);
    }

    public override bool IsOver => IsGone;

    /// <summary>Whether the agent has removed this state; if the key returns it gets another one.</summary>
    public bool IsGone
    {
        get => (_flags & Flags.Gone) != 0;
        set => Set(Flags.Gone, value);
    }

    /// <summary>Whether something newer than the value in memory is known.</summary>
    public bool IsOutdated => InMemory && NewestHeard > Token;

    public bool IsIdle => !InMemory && Flight is null && Pending == 0 && DueAt == long.MaxValue && !Ready;

    public override long NextDeadline => Math.Min(EndsAt, DueAt);

    private void Set(Flags flag, bool value) => _flags = value ? _flags | flag : _flags & ~flag;
}
