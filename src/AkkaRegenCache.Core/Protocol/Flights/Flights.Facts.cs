using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Facts that other components state, and what they mean for flights.</content>
internal sealed partial class Flights
{
    /// <summary>
    /// Memory shows something newer than the results of superseded flights. Their callers are answered with it, and runs without callers
    /// are cancelled.
    /// </summary>
    public void OnShown(KeyState state)
    {
        if (state.Flight is { Why: not ClaimReason.Refresh, Phase: FlightPhase.Waiting or FlightPhase.Running, Waiters: not null } joined)
        {
            // A detached read found the value. The callers are answered; a scheduled run goes on without them.
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
            // Without the store, or across its epochs, a refresh can't compare tokens. And a set may have been made before the refresh.
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

    /// <summary>A change of this node is shown. The store's answers must not replace it, so no caller waits for them.</summary>
    public void OnChangeShown(KeyState state, CachePayload payload)
    {
        if (state.Flight is not { Why: not ClaimReason.Refresh, Phase: FlightPhase.Reading or FlightPhase.Claiming } asking)
            return;
        Kernel.AnswerValue(asking.TakePeekers(), payload, state.Token);
        Kernel.AnswerValue(asking.TakeWaiters(), payload, state.Token);
        asking.IsOwedARun = false;
    }

    /// <summary>A newer token is known: a flight that runs under an older one is superseded.</summary>
    public void OnTokenHeard(KeyState state)
    {
        if (IsBehind(state))
            Supersede(state.Flight!);
    }

    /// <summary>Whether a key has a superseded flight.</summary>
    public bool HasSuperseded(KeyState state) => Detached.ContainsKey(state) || IsBehind(state);

    /// <summary>Whether a key has a flight under a claim older than this token, which a change has superseded.</summary>
    public bool HasSupersededBelow(KeyState state, long token) =>
        (IsBehind(state) && state.Flight is { IsLocal: false })
        || (Detached.TryGetValue(state, out var flights) && flights.Exists(f => !f.IsLocal && f.Token < token));

    private static bool IsBehind(KeyState state) =>
        state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight && flight.Token < state.NewestHeard;

    /// <summary>A component has begun a flight.</summary>
    public void Begin(Flight flight)
    {
        if (flight.IsEnded)
            return;
        if (flight.Why == ClaimReason.Miss)
            Read(flight);
        else
            Claim(flight);
    }

    /// <summary>The store has something newer. It is only read; readers see the old value until then.</summary>
    public void Fetch(KeyState state)
    {
        if (state.Flight is { } flight)
        {
            // A flight that reads will bring it. Beside a flight that generates, the store is read separately.
            if (flight.Why != ClaimReason.Miss)
                Peek(state, null);
            state.DueAt = Now + Delays.Repair;
            return;
        }

        state.Flight = new Flight(state, ClaimReason.Miss) { KeepsGoing = true };
        Read(state.Flight);
    }

    /// <summary>A claim is lost: its run's result can't be stored, so the run is cancelled. Its callers ask again.</summary>
    public void OnClaimLost(Flight flight)
    {
        if (flight is not { IsEnded: false, IsSuperseded: false, Phase: FlightPhase.Running, HeldIndex: >= 0 })
            return;
        Cancel(flight, hung: false);
        scheduling.DueAgainIn(flight.State, Delays.Retry);
        AskAgainAll(flight);
    }

    /// <summary>
    /// A partition of the store began a new epoch. Values in memory stay shown, as uncommitted; a record or tombstone of the new epoch
    /// replaces them. Running flights belong to the old epoch.
    /// </summary>
    public void OnEpochBegan(int partition)
    {
        foreach (var state in Kernel.IsStoreInShards ? Kernel.OfShard.Of(partition) : Kernel.Keys.Values)
        {
            if (state.Partition != partition)
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

    /// <summary>A value was stored or a key removed: flights that wait for the key go on.</summary>
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
