using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Where a flight stands.</summary>
internal enum FlightPhase
{
    /// <summary>The store is asked for the record.</summary>
    Reading,

    /// <summary>The store is asked for the right to generate.</summary>
    Claiming,

    /// <summary>Another node generates.</summary>
    Waiting,

    /// <summary>The generator runs here.</summary>
    Running,

    /// <summary>The generator has ended; the store is offered its result.</summary>
    Committing,

    /// <summary>A claim of this node's own that nobody runs is given back first.</summary>
    Releasing,
}

/// <summary>
/// The shared work on one key on one node, and those who wait for it. A key has at most one flight that callers can join; a flight overtaken by a
/// change is sealed: it goes on for those who asked before, and is no longer its key's.
/// </summary>
internal sealed class Flight(KeyState state, ClaimReason why) : Timed
{
    public KeyState State { get; } = state;

    public ClaimReason Why { get; set; } = why;

    public FlightPhase Phase { get; set; }

    /// <summary>Those who wait for the value; a chain.</summary>
    public Waiter? Waiters { get; private set; }

    /// <summary>Those who want the value only if it is there; answered by the read.</summary>
    public Waiter? Peekers { get; private set; }

    /// <summary>Refreshers who came while it was under way: its result may be older than their call, the next one's is not.</summary>
    public Waiter? Later { get; private set; }

    /// <summary>The token of the claim it runs under; 0: none.</summary>
    public long Token { get; set; }

    /// <summary>The store's epoch in which that claim was granted.</summary>
    public string Epoch { get; set; } = "";

    /// <summary>Refresh: only a result newer than this counts.</summary>
    public long Observed { get; set; }

    /// <summary>The token of the claim whose outcome it waits for, or has waited for; 0: none.</summary>
    public long Awaited { get; set; }

    /// <summary>The node incarnation that holds that claim.</summary>
    public string AwaitedHolder { get; set; } = "";

    /// <summary>Whether the coordinator has been told that it waits.</summary>
    public bool IsAwaitTold { get; set; }

    /// <summary>A node believed dead, whose claim it may take over.</summary>
    public string? Orphan { get; set; }

    /// <summary>The claim it has tried to take over on its own account.</summary>
    public long TriedOrphan { get; set; }

    /// <summary>The newest claim whose end was heard since it began.</summary>
    public long EndHeard { get; set; }

    /// <summary>How many claims of others have ended without a value while it waited.</summary>
    public int Rounds { get; set; }

    /// <summary>Whether it asks because a lease has ended, and not because something was heard.</summary>
    public bool HeardNothing { get; set; }

    /// <summary>How often the store still knew a claim whose end was heard.</summary>
    public int EndAsks { get; set; }

    /// <summary>The run of the generator; 0: none.</summary>
    public long RunId { get; set; }

    /// <summary>When a waiting flight asks again.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>When the generator is cancelled.</summary>
    public long RunEnds { get; set; } = long.MaxValue;

    /// <summary>Until when the store is asked on behalf of those who wait; after that they are served without it.</summary>
    public long AsksUntil { get; set; }

    /// <summary>Until when the claim holds, at the least.</summary>
    public long LeaseEnds { get; set; }

    /// <summary>Until when its commit is tried, at the most.</summary>
    public long CommitEnds { get; set; }

    /// <summary>The first waiter's deadline, or earlier.</summary>
    public long WaiterDeadline { get; private set; } = long.MaxValue;

    /// <summary>The options it generates by.</summary>
    public EntryProfile? Profile { get; set; }

    /// <summary>The value, once made.</summary>
    public CachePayload? Payload { get; set; }

    /// <summary>Its place among the held claims; -1: none.</summary>
    public int HeldIndex { get; set; } = -1;

    /// <summary>Generates without the store.</summary>
    public bool IsLocal { get; set; }

    /// <summary>Overtaken by a change.</summary>
    public bool IsSealed { get; set; }

    /// <summary>Sealed, and no longer its key's; until it ends, the key's state counts it as pending.</summary>
    public bool IsDetached { get; set; }

    /// <summary>Has asked the store for the record.</summary>
    public bool HasRead { get; set; }

    /// <summary>How often its claim found one of this very node's.</summary>
    public int OwnClaims { get; set; }

    /// <summary>Over.</summary>
    public bool IsEnded { get; set; }

    public override bool IsOver => IsEnded;

    /// <summary>Goes on with nobody waiting: a regeneration, or a caller's time is up but not its interest.</summary>
    public bool KeepsGoing { get; set; }

    /// <summary>A caller whose time is up wanted the value made: it is, also where the store hadn't answered yet.</summary>
    public bool IsOwedARun { get; set; }

    /// <summary>Takes one of the places for background work.</summary>
    public bool IsBackground { get; set; }

    /// <summary>Has one of the places for generations that callers wait for.</summary>
    public bool HasPlace { get; set; }

    /// <summary>Where it stands in the line of those that wait for a place; null: it doesn't.</summary>
    public LinkedListNode<Flight>? InLine { get; set; }

    /// <summary>A generator of this node waits for it, and is in its place already.</summary>
    public bool IsNested { get; set; }

    /// <summary>What it knows of wait probes; null: nothing.</summary>
    public FlightProbes? Probes { get; set; }

    /// <summary>Asks the store whether somebody else wants what nobody here wants any more.</summary>
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

    /// <summary>Takes out those for whom the condition holds.</summary>
    public Waiter? TakeWhere(Func<Waiter, long, bool> condition, long argument)
    {
        Waiter? taken = null;
        Waiters = Split(Waiters, condition, argument, ref taken);
        Peekers = Split(Peekers, condition, argument, ref taken);
        Later = Split(Later, condition, argument, ref taken);
        WaiterDeadline = Math.Min(Earliest(Waiters), Math.Min(Earliest(Peekers), Earliest(Later)));
        return taken;
    }

    /// <summary>Takes one waiter out, however many there are. The next deadline may come a little early by it.</summary>
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
