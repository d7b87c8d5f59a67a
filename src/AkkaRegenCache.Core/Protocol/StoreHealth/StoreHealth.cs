using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class StoreHealth(Kernel kernel) : Component(kernel)
{
    /// <summary>After so long without any call the store is asked whether it is still the same.</summary>
    private static readonly long s_quiet = TimeSpan.FromSeconds(2).Ticks;

    private const int PartsAskedAtOnce = 4;

    /// <summary>The same of a part of a store.</summary>
    private static readonly long s_partQuiet = TimeSpan.FromSeconds(8).Ticks;

    private bool _probesWanted;

    private int _lastPart;

    /// <summary>
    /// The store has begun a new life: it may have lost or turned back what it had accepted, and its tokens compare no longer. What memory
    /// shows goes on being served as if uncommitted; a record or tombstone of the new life wins.
    /// </summary>
    public void NoteLife(int part, string life)
    {
        if (life == Kernel.Lives[part] || Kernel.Omits(Step.NoteLife))
            return;
        var isFirst = Kernel.Lives[part].Length == 0;
        Kernel.Lives[part] = life;

        // Nodes that give the part back what they have may be later with theirs than this one is with its comparison.
        if (Kernel.IsStoreInShards)
            Checking.RecheckAt = Math.Min(Checking.RecheckAt, Now + (2 * Delays.Repair));
        if (isFirst)
            return;
        if (Kernel.IsStoreInShards)
            CoordinatorClient.TellKept(part);

        // Tokens say nothing any more of what is newer: removals win, and sets where nothing newer by the store's clock is there.
        foreach (var latest in Writes.Open.Values)
        {
            for (var change = latest; change is not null && change.State.Part == part; change = change.NextOpen)
                change.Observed = change.Payload is null ? long.MaxValue : 0;
        }

        foreach (var state in Kernel.IsStoreInShards ? Kernel.OfShard.Of(part) : Kernel.Keys.Values)
        {
            if (state.Part != part)
                continue;
            state.NewestHeard = 0;
            if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
                Flights.Seal(flight);
            else if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                waiting.WakeAt = Now;
            if (state.InMemory)
                state.Uncommitted = true;
            state.Token = 0;
            if (state.Flight is { } asking)
            {
                asking.Observed = asking.Awaited = 0;
                Kernel.Queue(asking);
            }

            Scheduling.KeepDue(state);
            Kernel.Queue(state);
        }

        Checking.StartCheck();
    }

    /// <summary>The store answers again after it counted as down.</summary>
    public void OnStoreBack()
    {
        if (Kernel.Omits(Step.GoOnWhenBack))
            return;
        if (HeldClaims.Held.Count > 0)
            HeldClaims.RenewAt = Now;
        if (Checking.CheckAt != long.MaxValue)
            Checking.CheckAt = Now;
        foreach (var state in Scheduling.Parked)
        {
            state.Parked = false;
            if (state.IsGone)
                continue;
            state.DueAt = Math.Min(state.DueAt, Now + Kernel.Random(Scheduling.Spread));
            Kernel.Queue(state);
        }

        Scheduling.Parked.Clear();
        foreach (var queue in Writes.Queues.Values)
            Writes.ToFlush.Enqueue(queue[0]);
    }

    public void ServeProbe()
    {
        if (StoreGate.Breaker.ProbeAt <= Now)
            Probe();
    }

    public void Probe()
    {
        StoreGate.Breaker.OnProbing();
        var state = Kernel.Lives.Length > 1 ? NextSample() : NextProbed();
        StoreGate.Send(new StoreCall { Keys = [state?.Key ?? "?"], Checked = state is null ? null : [state], IsProbe = true, Part = state?.Part ?? Kernel.PartOf("?"), IssuedAt = Now });
    }

    /// <summary>
    /// Where some of a store's servers are down (a master of a Redis Cluster), the others must not be taken for down with them: so the key that was answered for last
    /// is asked for, and while the store counts as down every other time the one that somebody wants.
    /// </summary>
    private KeyState? NextProbed()
    {
        _probesWanted = StoreGate.Breaker.IsOpen && !_probesWanted;
        var (first, second) = _probesWanted ? (StoreGate.Wanted, StoreGate.Answered) : (StoreGate.Answered, StoreGate.Wanted);
        return first is { IsGone: false } ? first : second is { IsGone: false } ? second : Kernel.Keys.Count > 0 ? Kernel.Keys.Values.First() : null;
    }

    /// <summary>
    /// A node that serves everything from memory doesn't notice that the store has begun a new life, and goes on showing what that has lost: it
    /// asks for a sign of life now and then.
    /// </summary>
    public void AskForLife()
    {
        if (Kernel.Lives.Length > 1)
        {
            AskPartsForLife();
            return;
        }

        if (Now - StoreGate.AskedAt < s_quiet || Kernel.Keys.Count == 0 || StoreGate.Breaker.IsOpen || StoreGate.Breaker.ProbeAt != long.MaxValue)
            return;
        Probe();
    }

    /// <summary>The same for each part of a store, some at a time: none of them tells of another's life.</summary>
    private void AskPartsForLife()
    {
        for (var (i, asked) = (0, 0); i < Kernel.Lives.Length && asked < PartsAskedAtOnce; i++)
        {
            _lastPart = (_lastPart + 1) % Kernel.Lives.Length;
            if (Now - StoreGate.PartsAskedAt[_lastPart] < s_partQuiet || Kernel.SampleOf(_lastPart) is not { } sample)
                continue;
            asked++;
            StoreGate.Send(new StoreCall { Keys = [sample.Key], Checked = [sample], IsSignOfLife = true, Part = _lastPart, IssuedAt = Now });
        }
    }

    /// <summary>A key of another part than the last time: one part that doesn't answer must not be taken for all of the store.</summary>
    private KeyState? NextSample()
    {
        for (var i = 0; i < Kernel.Lives.Length; i++)
        {
            _lastPart = (_lastPart + 1) % Kernel.Lives.Length;
            if (Kernel.SampleOf(_lastPart) is { } sample)
                return sample;
        }

        return null;
    }

    /// <summary>The store's life as this node knows it, for the simulator's checks.</summary>
    internal string LifeOf(int part) => Kernel.Lives[part];
}
