using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>An operation of the store that the agent wants done, a type for each. Replied to exactly once, with a <see cref="StoreReplied"/>.</summary>
internal abstract class StoreCall
{
    /// <summary>What it asks, where it is about one key; null: a batch.</summary>
    public virtual StoreRequest? Request => null;

    /// <summary>The key it is about; null: a batch.</summary>
    public KeyState? State { get; init; }

    /// <summary>The flight that asks; null: none.</summary>
    public Flight? Flight { get; init; }

    /// <summary>How long its answer is waited for, in ticks.</summary>
    public long Timeout { get; set; }

    /// <summary>The partition of the store it goes to.</summary>
    public int Partition { get; set; }

    /// <summary>When it was first sent.</summary>
    public long IssuedAt { get; set; }

    /// <summary>Whether its flight waits for an answer to it, be it to a repeat that is still to be sent.</summary>
    public bool IsAwaited { get; set; }

    public long HeardAtIssue { get; set; }

    /// <summary>The store's epoch when it was sent: tokens of another one don't compare.</summary>
    public string EpochAtIssue { get; set; } = "";

    /// <summary>How many gaps had been found when it was first sent.</summary>
    public long GapsAtIssue { get; set; }

    /// <summary>When the request's durations of activity were told.</summary>
    public long ActivityAt { get; set; }

    public int Attempt { get; set; }

    /// <summary>Whether it goes out also while the store counts as down.</summary>
    public virtual bool IsSentWhileDown => false;

    /// <summary>Whether it may be repeated for as long as its flight wants; others only while stores remember their first answer.</summary>
    public virtual bool IsRepeatableForEver => false;

    /// <summary>It is sent again: what was left of durations then is less by now.</summary>
    /// <param name="ago">How long ago they were told, in ticks.</param>
    public virtual void Age(long ago)
    {
    }

    /// <summary>What is left of a duration after some time.</summary>
    protected static TimeSpan Left(TimeSpan then, long ago) => TimeSpan.FromTicks(Math.Max(0, then.Ticks - ago));
}

/// <summary>A question whose answer somebody waits for: it takes its turn behind the changes of its key.</summary>
internal abstract class QuestionCall : StoreCall;

/// <summary>Reads a record.</summary>
internal abstract class ReadCall(string key) : QuestionCall
{
    public override ReadRequest Request { get; } = new() { Key = key };
}

/// <summary>Reads the record that a flight wants.</summary>
internal sealed class FlightReadCall(string key) : ReadCall(key);

/// <summary>Reads the record beside the key's flight.</summary>
internal sealed class StorePeekCall(string key) : ReadCall(key)
{
    /// <summary>The caller that wants to know; null: the node itself.</summary>
    public Waiter? Peeker { get; init; }
}

/// <summary>Asks for the right to generate.</summary>
internal sealed class ClaimCall(ClaimRequest request) : QuestionCall
{
    private ClaimRequest _request = request;

    public override ClaimRequest Request => _request;

    /// <summary>Of a claim that is asked for again: the answer to an earlier try, which was given up; null: none has come.</summary>
    public ClaimAnswer? Late { get; set; }

    public override void Age(long ago) => _request = _request with { ActiveFor = Left(_request.ActiveFor, ago) };
}

/// <summary>Offers a flight's result.</summary>
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

/// <summary>Ends a claim.</summary>
internal sealed class ReleaseCall(ReleaseRequest request) : StoreCall
{
    public override ReleaseRequest Request { get; } = request;

    /// <summary>Whether it gives back what the store has just granted: so the store is there, whatever it counts as.</summary>
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

    /// <summary>The flights whose claims they are, in that order.</summary>
    public required Flight[] Flights { get; init; }
}

/// <summary>Tells of reads.</summary>
internal sealed class TouchCall : StoreCall
{
    public required IReadOnlyList<KeyActivity> Activities { get; init; }
}

/// <summary>Asks for the tokens of keys.</summary>
internal class CheckCall : StoreCall
{
    public required IReadOnlyList<string> Keys { get; init; }

    /// <summary>The keys, where they are known here.</summary>
    public KeyState[] Checked { get; init; } = [];
}

/// <summary>Asks for one token, to learn whether the store is there.</summary>
internal sealed class ProbeCall : CheckCall
{
    /// <summary>Whether it is the circuit breaker's; else it asks a partition for a sign of life, which says nothing of the other partitions.</summary>
    public bool IsOfBreaker { get; init; }

    public override bool IsSentWhileDown => IsOfBreaker;
}
