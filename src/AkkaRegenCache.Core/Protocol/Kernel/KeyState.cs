namespace AkkaRegenCache.Protocol;

/// <summary>
/// What the agent knows of a key that is in memory, scheduled here, or has an operation in flight. A million of them must fit, so what only
/// a running operation needs is in its <see cref="Protocol.Flight"/>.
/// </summary>
internal sealed class KeyState(string key, int part = 0, int shard = 0) : Timed
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

    /// <summary>The partition of the store that holds it.</summary>
    public ushort Partition { get; } = (ushort)part;

    /// <summary>The shard whose coordinator sees to it.</summary>
    public ushort Shard { get; } = (ushort)shard;

    /// <summary>The flight that new callers join; null: none.</summary>
    public Flight? Flight { get; set; }

    /// <summary>What regenerates the key on this node; null: nothing does.</summary>
    public GeneratorSource? Source { get; set; }

    /// <summary>The token of what memory shows; of an uncommitted value: the token it was based on.</summary>
    public long Token { get; set; }

    /// <summary>The newest token heard of, from the store or another node.</summary>
    public long NewestHeard { get; set; }

    /// <summary>When the entry's life in memory ends.</summary>
    public long EndsAt { get; set; } = long.MaxValue;

    /// <summary>When this node sees to the key again: to regenerate it, or to repair what is amiss.</summary>
    public long DueAt { get; set; } = long.MaxValue;

    /// <summary>How long the key is active by this node's own reads.</summary>
    public long ActiveUntil { get; set; } = long.MinValue;

    /// <summary>Operations of the store that are under way.</summary>
    public int Pending { get; set; }

    /// <summary>Failures in a row of scheduled regenerations here.</summary>
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

    /// <summary>Whether it stands in the queue of those that wait for a free place in the background.</summary>
    public bool Ready
    {
        get => (_flags & Flags.Ready) != 0;
        set => Set(Flags.Ready, value);
    }

    /// <summary>Whether it waits for the store's return.</summary>
    public bool Deferred
    {
        get => (_flags & Flags.Deferred) != 0;
        set => Set(Flags.Deferred, value);
    }

    /// <summary>Whether its coordinator has been told, or will be, that this node can regenerate it.</summary>
    public bool Offered
    {
        get => (_flags & Flags.Offered) != 0;
        set => Set(Flags.Offered, value);
    }

    /// <summary>Whether the store said, when it was heard last, that nothing is scheduled, though this node could regenerate the key: it was set so.</summary>
    public bool Unscheduled
    {
        get => (_flags & Flags.Unscheduled) != 0;
        set => Set(Flags.Unscheduled, value);
    }

    /// <summary>Whether the time of what memory showed was over before there was a newer value. Not what was removed, or evicted.</summary>
    public bool RanOut
    {
        get => (_flags & Flags.RanOut) != 0;
        set => Set(Flags.RanOut, value);
    }

    /// <summary>Whether what memory shows is a change of this node that the store hasn't taken.</summary>
    public bool ShowsPending
    {
        get => (_flags & Flags.ShowsPending) != 0;
        set => Set(Flags.ShowsPending, value);
    }

    /// <summary>The next key of the same shard, and the one before; where there are coordinators.</summary>
    public KeyState? NextInShard { get; set; }

    public KeyState? PreviousInShard { get; set; }

    /// <summary>Whether the step that is under way has changed something about it.</summary>
    public bool IsTouched
    {
        get => (_flags & Flags.Touched) != 0;
        set => Set(Flags.Touched, value);
    }

    public override bool IsOver => IsGone;

    /// <summary>Whether the agent has let go of it: the key, should it come back, has another one.</summary>
    public bool IsGone
    {
        get => (_flags & Flags.Gone) != 0;
        set => Set(Flags.Gone, value);
    }

    /// <summary>Whether something newer than what memory shows is known to exist.</summary>
    public bool IsOutdated => InMemory && NewestHeard > Token;

    public bool IsIdle => !InMemory && Flight is null && Pending == 0 && DueAt == long.MaxValue && !Ready;

    public override long NextDeadline => Math.Min(EndsAt, DueAt);

    private void Set(Flags flag, bool value) => _flags = value ? _flags | flag : _flags & ~flag;
}
