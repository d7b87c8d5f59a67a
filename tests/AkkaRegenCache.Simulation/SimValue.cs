using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Simulation;

/// <summary>A value that knows where it comes from.</summary>
internal sealed class SimValue(string key, long id, long bornAt, bool isSet)
{
    public string Key { get; } = key;

    public long Id { get; } = id;

    /// <summary>When its generation began; of a set value: when the store accepted it (until then: when it was asked for).</summary>
    public long BornAt { get; set; } = bornAt;

    /// <summary>When its generation ended.</summary>
    public long MadeAt { get; set; } = bornAt;

    public bool IsSet { get; } = isSet;

    /// <summary>Whether it is too large for the store.</summary>
    public bool IsTooLarge { get; set; }

    /// <summary>The node whose generator made it, to be kept; null: it was set, or is for its callers only.</summary>
    public SimNode? MadeBy { get; init; }

    /// <summary>When it was asked for, if it is a set.</summary>
    public long AskedAt { get; } = bornAt;

    public override string ToString() => $"{(IsSet ? "set" : "run")} {Id} of {Key}, born {BornAt / 10_000} ms";
}

/// <summary>A generator as a node knows it.</summary>
internal sealed class SimSource(EntryProfile profile) : GeneratorSource(profile);

/// <summary>A caller of a node.</summary>
internal sealed class SimCall(SimNode node, string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source, long askedAt)
    : Waiter(key, kind, profile, source)
{
    public SimNode Node { get; } = node;

    public long AskedAt { get; } = askedAt;

    public bool IsAnswered { get; set; }

    /// <summary>The value that a set sets.</summary>
    public SimValue? Value { get; init; }

    /// <summary>The operation's last change to be known as returned when it asked, on its node: what it gets must be newer.</summary>
    public long ChangedBefore { get; init; } = long.MinValue;

    /// <summary>When that change was asked for.</summary>
    public long ChangeAskedBefore { get; init; } = long.MinValue;

    /// <summary>Whether that change was pending: of a store whose clock is set, what is older isn't certain.</summary>
    public bool ChangeWasPending { get; init; }

    public override string ToString() => $"{Kind} of {Key} on {Node.Id} asked at {AskedAt / 10_000} ms";
}

/// <summary>A generator that runs.</summary>
internal sealed class SimRun(SimNode node, RunGenerator message, long beganAt)
{
    public SimNode Node { get; } = node;

    public RunGenerator Message { get; } = message;

    public long BeganAt { get; } = beganAt;

    public bool IsCancelled { get; set; }

    public bool HasEnded { get; set; }
}
