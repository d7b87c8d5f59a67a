using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The phase of a flight.</summary>
internal enum FlightPhase
{
    /// <summary>It reads the store's record.</summary>
    Reading,

    /// <summary>It claims at the store.</summary>
    Claiming,

    /// <summary>It waits for another node's run.</summary>
    Waiting,

    /// <summary>Its generator runs on this node.</summary>
    Running,

    /// <summary>The generator has ended; the result is being committed.</summary>
    Committing,

    /// <summary>It releases a claim of this node under which nothing runs, and asks again after that.</summary>
    Releasing,
}

/// <summary>
/// The shared work on one key on one node, and the callers that wait for it. A key has at most one flight that callers can join. A flight
/// that a change has superseded goes on for the callers that asked before, but is not the key's flight any more.
/// </summary>
internal sealed class Flight(KeyState state, ClaimReason why) : Timed
{
    public KeyState State { get; } = state;

    public ClaimReason Why { get; set; } = why;

    public FlightPhase Phase { get; set; }

    /// <summary>The callers that wait for the value, as a linked list.</summary>
    public Waiter? Waiters { get; private set; }

    /// <summary>The callers that want the value only if it exists; the read answers them.</summary>
    public Waiter? Peekers { get; private set; }

    /// <summary>
    /// Refresh callers that came while the flight was under way. Its result may be older than their call; the next flight's is not.
    /// </summary>
    public Waiter? Later { get; private set; }

    /// <summary>The token of the flight's claim; 0: none.</summary>
    public long Token { get; set; }

    /// <summary>The store's epoch in which that claim was granted.</summary>
    public string Epoch { get; set; } = "";

    /// <summary>Refresh: only a result newer than this counts.</summary>
    public long Observed { get; set; }

    /// <summary>The token of the claim whose outcome it waits for, or has waited for; 0: none.</summary>
    public long Awaited { get; set; }

    /// <summary>The node incarnation that holds that claim.</summary>
    public string AwaitedHolder { get; set; } = "";

    /// <summary>Whether the coordinator knows that the flight waits.</summary>
    public bool IsAwaitReported { get; set; }

    /// <summary>A node believed dead whose claim the flight may steal.</summary>
    public string? Orphan { get; set; }

    /// <summary>The claim that the flight tried to steal without a coordinator's request.</summary>
    public long TriedOrphan { get; set; }

    /// <summary>The newest claim whose end was received since the flight began.</summary>
    public long EndHeard { get; set; }

    /// <summary>How many claims of other nodes ended without a value while the flight waited.</summary>
    public int Rounds { get; set; }

    /// <summary>Whether it asks because a lease has ended, without a notification.</summary>
    public bool HeardNothing { get; set; }

    /// <summary>How often the store still had a claim whose end was received.</summary>
    public int EndAsks { get; set; }

    /// <summary>The run of the generator; 0: none.</summary>
    public long RunId { get; set; }

    /// <summary>When a waiting flight asks again.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>When the generator is cancelled.</summary>
    public long RunEnds { get; set; } = long.MaxValue;

    /// <summary>Until when the store is asked for the callers; after that they are served without it.</summary>
    public long AsksUntil { get; set; }

    /// <summary>Until when the claim holds, at least.</summary>
    public long LeaseEnds { get; set; }

    /// <summary>Until when the commit is tried, at most.</summary>
    public long CommitEnds { get; set; }

    /// <summary>The earliest deadline of its waiters; may be a little too early.</summary>
    public long WaiterDeadline { get; private set; } = long.MaxValue;

    /// <summary>The options for its run.</summary>
    public EntryProfile? Profile { get; set; }

    /// <summary>The generated value; null: none yet.</summary>
    public CachePayload? Payload { get; set; }

    /// <summary>Its index among the held claims; -1: none.</summary>
    public int HeldIndex { get; set; } = -1;

    /// <summary>Whether it generates without the store.</summary>
    public bool IsLocal { get; set; }

    /// <summary>Whether a change has superseded it.</summary>
    public bool IsSuperseded { get; set; }

    /// <summary>Superseded, and not its key's flight any more. Until it ends, the key's state counts it as pending.</summary>
    public bool IsDetached { get; set; }

    /// <summary>Whether it has read the store's record.</summary>
    public bool HasRead { get; set; }

    /// <summary>How often its claim found another claim of this node.</summary>
    public int OwnClaims { get; set; }

    public bool IsEnded { get; set; }

    public override bool IsOver => IsEnded;

    /// <summary>Whether it goes on without callers: a scheduled run, or a caller whose timeout passed still wants the value made.</summary>
    public bool KeepsGoing { get; set; }

    /// <summary>A caller whose timeout passed wanted the value made. The generator runs even if the store has not answered yet.</summary>
    public bool IsOwedARun { get; set; }

    /// <summary>Whether it takes one of the background places.</summary>
    public bool IsBackground { get; set; }

    /// <summary>Whether it takes one of the places for generators that callers wait for.</summary>
    public bool HasPlace { get; set; }

    /// <summary>Its node in the queue for places; null: it is not in it.</summary>
    public LinkedListNode<Flight>? InLine { get; set; }

    /// <summary>Whether a generator of this node waits for it. It uses that generator's place.</summary>
    public bool IsNested { get; set; }

    /// <summary>Its wait probes; null: none.</summary>
    public FlightProbes? Probes { get; set; }

    /// <summary>Whether the store is being asked if another node waits for a claim without callers here.</summary>
    public bool IsAbandoning { get; set; }

    public bool IsUnwanted => Waiters is null && Peekers is null && !KeepsGoing;

    public override long NextDeadline => Math.Min(
        Math.Min(WaiterDeadline, Probes?.At ?? long.MaxValue),
        Phase == FlightPhase.Waiting ? WakeAt : Phase == FlightPhase.Running ? RunEnds : long.MaxValue);

    public void Add(Waiter waiter)
    {
        if (waiter.Kind == WaiterKind.Peek)
            Peekers = Prepend(Peekers, waiter);
        else
            Waiters = Prepend(Waiters, waiter);
    }

    public void AddLater(Waiter waiter) => Later = Prepend(Later, waiter);

    public Waiter? TakeWaiters()
    {
        var chain = Unlink(Waiters);
        Waiters = null;
        return chain;
    }

    public Waiter? TakePeekers()
    {
        var chain = Unlink(Peekers);
        Peekers = null;
        return chain;
    }

    public Waiter? TakeLater()
    {
        var chain = Unlink(Later);
        Later = null;
        return chain;
    }

    /// <summary>Removes the waiters for which the condition holds.</summary>
    public Waiter? TakeWhere(Func<Waiter, long, bool> condition, long argument)
    {
        Waiter? taken = null;
        Waiters = Split(Waiters, condition, argument, ref taken);
        Peekers = Split(Peekers, condition, argument, ref taken);
        Later = Split(Later, condition, argument, ref taken);
        WaiterDeadline = Math.Min(Earliest(Waiters), Math.Min(Earliest(Peekers), Earliest(Later)));
        return taken;
    }

    /// <summary>Removes one waiter, in constant time. <see cref="WaiterDeadline"/> may be too early after it.</summary>
    public void Remove(Waiter waiter)
    {
        if (waiter.Previous is { } previous)
            previous.Next = waiter.Next;
        else if (Waiters == waiter)
            Waiters = waiter.Next;
        else if (Peekers == waiter)
            Peekers = waiter.Next;
        else
            Later = waiter.Next;
        if (waiter.Next is { } next)
            next.Previous = waiter.Previous;
        waiter.Flight = null;
        waiter.Next = waiter.Previous = null;
    }

    private Waiter Prepend(Waiter? chain, Waiter waiter)
    {
        waiter.Flight = this;
        WaiterDeadline = Math.Min(WaiterDeadline, waiter.Deadline);
        Link(waiter, chain);
        return waiter;
    }

    private static void Link(Waiter waiter, Waiter? next)
    {
        waiter.Next = next;
        waiter.Previous = null;
        if (next is not null)
            next.Previous = waiter;
    }

    private static Waiter? Unlink(Waiter? chain)
    {
        for (var waiter = chain; waiter is not null; waiter = waiter.Next)
        {
            waiter.Flight = null;
            waiter.Previous = null;
        }

        return chain;
    }

    private static Waiter? Split(Waiter? chain, Func<Waiter, long, bool> condition, long argument, ref Waiter? taken)
    {
        Waiter? kept = null;
        while (chain is { } waiter)
        {
            chain = waiter.Next;
            if (condition(waiter, argument))
            {
                waiter.Flight = null;
                waiter.Previous = null;
                waiter.Next = taken;
                taken = waiter;
            }
            else
            {
                Link(waiter, kept);
                kept = waiter;
            }
        }

        return kept;
    }

    private static long Earliest(Waiter? chain)
    {
        var earliest = long.MaxValue;
        for (; chain is not null; chain = chain.Next)
            earliest = Math.Min(earliest, chain.Deadline);
        return earliest;
    }
}
