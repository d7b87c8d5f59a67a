using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// An operation that the agent sends to the store, one type for each. It gets exactly one reply, a <see cref="StoreReplied"/>.
/// </summary>
internal abstract class StoreCall
{
    /// <summary>The request about one key; null: a batch.</summary>
    public virtual StoreRequest? Request => null;

    /// <summary>The key of the request; null: a batch.</summary>
    public KeyState? State { get; init; }

    /// <summary>The flight that sent it; null: none.</summary>
    public Flight? Flight { get; init; }

    /// <summary>How long to wait for the answer, in ticks.</summary>
    public long Timeout { get; set; }

    /// <summary>The partition of the store it goes to.</summary>
    public int Partition { get; set; }

    /// <summary>When it was first sent.</summary>
    public long IssuedAt { get; set; }

    /// <summary>Whether its flight waits for the answer, even to a repeat that is still to be sent.</summary>
    public bool IsAwaited { get; set; }

    public long HeardAtIssue { get; set; }

    /// <summary>The store's epoch when it was sent. Tokens of another epoch do not compare.</summary>
    public string EpochAtIssue { get; set; } = "";

    /// <summary>How many gaps had been found when it was first sent.</summary>
    public long GapsAtIssue { get; set; }

    /// <summary>When the activity durations in the request were measured.</summary>
    public long ActivityAt { get; set; }

    public int Attempt { get; set; }

    /// <summary>Whether it is sent even while the store is down.</summary>
    public virtual bool IsSentWhileDown => false;

    /// <summary>
    /// Whether it may be repeated for as long as its flight wants. Other calls are repeated only while stores remember their first answer.
    /// </summary>
    public virtual bool IsRepeatableForEver => false;

    /// <summary>Shortens the request's durations, before it is sent again.</summary>
    /// <param name="ago">How long ago they were measured, in ticks.</param>
    public virtual void Age(long ago)
    {
    }

    /// <summary>What is left of a duration after some time.</summary>
    protected static TimeSpan Left(TimeSpan then, long ago) => TimeSpan.FromTicks(Math.Max(0, then.Ticks - ago));
}

/// <summary>A call whose answer a caller or flight waits for. It is sent after the pending changes of its key.</summary>
internal abstract class QuestionCall : StoreCall;

/// <summary>Reads a record.</summary>
internal abstract class ReadCall(string key) : QuestionCall
{
    public override ReadRequest Request { get; } = new() { Key = key };
}

/// <summary>Reads the record for a flight.</summary>
internal sealed class FlightReadCall(string key) : ReadCall(key);

/// <summary>Reads the record beside the key's flight.</summary>
internal sealed class StorePeekCall(string key) : ReadCall(key)
{
    /// <summary>The caller that reads; null: the node itself.</summary>
    public Waiter? Peeker { get; init; }
}

/// <summary>Claims the right to generate.</summary>
internal sealed class ClaimCall(ClaimRequest request) : QuestionCall
{
    private ClaimRequest _request = request;

    public override ClaimRequest Request => _request;

    /// <summary>For a repeated claim: the late answer to an earlier try; null: none.</summary>
    public ClaimAnswer? Late { get; set; }

    public override void Age(long ago) => _request = _request with { ActiveFor = Left(_request.ActiveFor, ago) };
}

/// <summary>Commits a flight's result.</summary>
internal sealed class CommitCall(CommitRequest request) : StoreCall
{
    private CommitRequest _request = request;

    public override CommitRequest Request => _request;

    public override bool IsRepeatableForEver => true;

    public override void Age(long ago)
    {
        var schedule = _request.Schedule;
        _request = _request with
        {
            Schedule = schedule with { ActiveFor = Left(schedule.ActiveFor, ago), FreshFor = Left(schedule.FreshFor, ago) },
        };
    }
}

/// <summary>Releases a claim.</summary>
internal sealed class ReleaseCall(ReleaseRequest request) : StoreCall
{
    public override ReleaseRequest Request { get; } = request;

    /// <summary>
    /// Whether it releases a claim that was just granted. It is sent even while the breaker is open, because the store has just answered.
    /// </summary>
    public bool IsReturn { get; init; }

    public override bool IsSentWhileDown => IsReturn;
}

/// <summary>Sets or removes a key.</summary>
internal abstract class StoreChangeCall(PendingChange change) : StoreCall
{
    public PendingChange Change { get; } = change;
}

/// <summary>Sets a key.</summary>
internal sealed class WriteCall(PendingChange change, WriteRequest request) : StoreChangeCall(change)
{
    public override WriteRequest Request { get; } = request;
}

/// <summary>Removes a key.</summary>
internal sealed class InvalidateCall(PendingChange change, InvalidateRequest request) : StoreChangeCall(change)
{
    public override InvalidateRequest Request { get; } = request;
}

/// <summary>Renews the claims of flights.</summary>
internal sealed class RenewCall : StoreCall
{
    public required IReadOnlyList<HeldClaim> Claims { get; init; }

    public required TimeSpan Lease { get; init; }

    /// <summary>The flights with those claims, in the same order.</summary>
    public required Flight[] Flights { get; init; }
}

/// <summary>Reports reads.</summary>
internal sealed class TouchCall : StoreCall
{
    public required IReadOnlyList<KeyActivity> Activities { get; init; }
}

/// <summary>Asks for the tokens of keys.</summary>
internal class CheckCall : StoreCall
{
    public required IReadOnlyList<string> Keys { get; init; }

    /// <summary>The keys that this node knows.</summary>
    public KeyState[] Checked { get; init; } = [];
}

/// <summary>Checks one token, to learn whether the store is available.</summary>
internal sealed class ProbeCall : CheckCall
{
    /// <summary>Whether it is the circuit breaker's probe. Otherwise it probes one partition, which says nothing of the others.</summary>
    public bool IsOfBreaker { get; init; }

    public override bool IsSentWhileDown => IsOfBreaker;
}
