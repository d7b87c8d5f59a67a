namespace AkkaRegenCache.Storage;

/// <summary>
/// A store's record of a key at the time of the answer. All times are durations from that time by the store's own clock, so that no two
/// clocks are ever compared.
/// </summary>
public sealed class StoreRecord
{
    /// <summary>The value; null for a tombstone.</summary>
    public CachePayload? Payload { get; init; }

    /// <summary>Whether the record is a tombstone: only its token counts.</summary>
    public bool IsRemoved => Payload is null;

    /// <summary>The fencing token under which the record was accepted.</summary>
    public required long Token { get; init; }

    /// <summary>How much longer the value is fresh; zero or less: it is not.</summary>
    public TimeSpan FreshFor { get; init; }

    /// <summary>Time until the next regeneration is due (negative: overdue); null where none is scheduled.</summary>
    public TimeSpan? DueIn { get; init; }

    /// <summary>How much longer the key stays active with no further read; zero or less: it is not regenerated.</summary>
    public TimeSpan ActiveFor { get; init; }
}

/// <summary>The schedule of a record that is committed or written.</summary>
public sealed record StoreSchedule
{
    /// <summary>How long the value is fresh from its acceptance: interval + tolerance.</summary>
    public required TimeSpan FreshFor { get; init; }

    /// <summary>Regeneration interval; null: the key is passive and nothing is scheduled.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>A due time is never nearer than this.</summary>
    public TimeSpan MinimumForward { get; init; }

    /// <summary>How much longer the key is active by the reads of the caller's node.</summary>
    public TimeSpan ActiveFor { get; init; }
}

/// <summary>Why a generation failed, in a form that can be stored and sent.</summary>
/// <param name="Type">Full name of the exception's type.</param>
/// <param name="Message">The exception's message.</param>
public sealed record GenerationFailure(string Type, string Message)
{
    /// <summary>The exception itself on the node where it was thrown; never stored or sent.</summary>
    internal Exception? Exception { get; init; }

    internal GenerationFailure WithoutException() => Exception is null ? this : this with { Exception = null };

    internal static GenerationFailure From(Exception exception) =>
        new(exception.GetType().FullName ?? exception.GetType().Name, exception.Message) { Exception = exception };
}

/// <summary>Names one mutation, so that a repeat of it gets the first answer instead of a second change.</summary>
/// <param name="Node">The node incarnation that asked.</param>
/// <param name="Number">A number that grows with each mutation of that node.</param>
public readonly record struct OperationId(string Node, long Number);
