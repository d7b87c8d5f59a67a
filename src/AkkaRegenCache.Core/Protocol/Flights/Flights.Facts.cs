using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>What other parts state: how it touches flights.</content>
internal sealed partial class Flights
{
    /// <summary>
    /// Memory shows something newer than what sealed flights make: their callers needn't wait any longer, and what nobody waits for
    /// needn't be made.
    /// </summary>
    public void OnShown(KeyState state)
    {
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Waiting or FlightPhase.Running, Waiters: not null } joined)
        {
            // Found beside the flight: its callers have what they came for, and a regeneration goes on without them.
            Kernel.Answer(joined.TakeWaiters(), AnswerKind.InMemory);
            if (joined.Phase == FlightPhase.Waiting && joined.IsUnwanted)
                End(joined);
            else
                joined.KeepsGoing = true;
        }

        if (Detached.Count == 0 || !Detached.TryGetValue(state, out var flights))
            return;
        foreach (var flight in flights.ToArray())
        {
            // Without the store, or in another epoch of it, a refresh can't tell whether what is shown is newer than its call; and a set may have been done
            // before it.
            var isComparable = !flight.IsLocal && !state.Uncommitted && flight.Epoch == Kernel.Epochs[state.Partition];
            if (flight.Why == ClaimReason.Refresh && !(isComparable && state.Token >= flight.Token))
                continue;
            Kernel.Answer(flight.TakeWaiters(), AnswerKind.InMemory);
            if (flight.Phase != FlightPhase.Running)
                continue;
            Cancel(flight, hung: false);
            End(flight);
        }
    }

    /// <summary>A change of this node is shown: what the store says can't be, so nobody need wait for that.</summary>
    public void OnChangeShown(KeyState state, CachePayload payload)
    {
        if (state.Flight is not { Why: not ClaimReason.Refresh, Phase: FlightPhase.Reading or FlightPhase.Claiming } asking)
            return;
        Kernel.AnswerValue(asking.TakePeekers(), payload, state.Token);
        Kernel.AnswerValue(asking.TakeWaiters(), payload, state.Token);
        asking.IsOwedARun = false;
    }

    /// <summary>A newer token is known: a flight that runs under an older one is overtaken.</summary>
    public void OnTokenHeard(KeyState state)
    {
        if (IsBehind(state))
            Supersede(state.Flight!);
    }

    /// <summary>Whether a key has a flight that a change has overtaken.</summary>
    public bool HasOvertaken(KeyState state) => Detached.ContainsKey(state) || IsBehind(state);

    /// <summary>Whether a key has a flight under an older claim than this token, which a change has overtaken.</summary>
    public bool HasOvertakenBelow(KeyState state, long token) =>
        (IsBehind(state) && state.Flight is { IsLocal: false })
        || (Detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token));

    private static bool IsBehind(KeyState state) =>
        state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight && flight.Token < state.NewestHeard;

    /// <summary>Another part has begun a flight.</summary>
    public void Begin(Flight flight)
    {
        if (flight.IsEnded)
            return;
        if (flight.Why == ClaimReason.Miss)
            Read(flight);
        else
            Claim(flight);
    }

    /// <summary>Something newer is in the store: only a read, and readers see the old value until it is done.</summary>
    public void Fetch(KeyState state)
    {
        if (state.Flight is { } flight)
        {
            // One that reads brings it anyway; beside one that generates, a look into the store.
            if (flight.Why != ClaimReason.Miss)
                Peek(state, null);
            state.DueAt = Now + Delays.Repair;
            return;
        }

        state.Flight = new Flight(state, ClaimReason.Miss) { KeepsGoing = true };
        Read(state.Flight);
    }

    /// <summary>A claim is lost: what its run makes can't be stored, so making it is a waste. Those who wait ask again.</summary>
    public void OnClaimLost(Flight flight)
    {
        if (flight is not { IsEnded: false, IsSealed: false, Phase: FlightPhase.Running, HeldIndex: >= 0 })
            return;
        Cancel(flight, hung: false);
        scheduling.DueAgainIn(flight.State, Delays.Retry);
        AskAgainAll(flight);
    }

    /// <summary>
    /// A partition of the store lives again. What memory shows goes on being served as if uncommitted; a record or tombstone of the new epoch wins. What runs was begun in
    /// the epoch before.
    /// </summary>
    public void OnEpochBegan(int part)
    {
        foreach (var state in Kernel.IsStoreInShards ? Kernel.OfShard.Of(part) : Kernel.Keys.Values)
        {
            if (state.Partition != part)
                continue;
            state.NewestHeard = 0;
            if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
                Supersede(flight);
            else if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                waiting.WakeAt = Now;
            if (state is { InMemory: true, Uncommitted: true, Token: not 0 })
                Kernel.EarlierBases[state] = state.Token;
            if (state.InMemory)
                state.Uncommitted = true;
            state.Token = 0;
            if (state.Flight is { } asking)
            {
                asking.Observed = asking.Awaited = 0;
                Kernel.Queue(asking);
            }

            Kernel.Settle(state);
        }
    }

    /// <summary>Something was stored or removed: whoever waits for a generation of the key has waited long enough.</summary>
    public void WakeWaiting(KeyState state, long token, CachePayload? payload)
    {
        if (state.Flight is not { Phase: FlightPhase.Waiting } flight || token < flight.Awaited)
            return;
        var isNewEnough = flight.Why != ClaimReason.Refresh || (flight.Observed != 0 && token > flight.Observed);
        if (payload is null || !isNewEnough || flight.Awaited == 0 || !shown.MayShow(state))
        {
            AskAgain(flight);
            return;
        }

        Kernel.AnswerValue(flight.TakeWaiters(), payload, token);
        End(flight);
    }
}
