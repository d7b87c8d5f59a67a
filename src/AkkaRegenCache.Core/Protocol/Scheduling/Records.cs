using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What becomes of memory and schedule when a record or a removal is learned of, or a value is made that the store didn't get.</summary>
internal sealed class Records(Kernel kernel, Shown shown, Scheduling scheduling) : Component(kernel)
{
    /// <summary>
    /// The store no longer holds what memory shows, though its time has not come: evicted there, or removed so long ago that the tombstone is
    /// gone too. What is regenerated here is claimed again and served until then; the next reader of anything else asks the store.
    /// </summary>
    public void LoseRecord(KeyState state)
    {
        if (state.Source is { Profile.IsScheduled: true })
            state.Uncommitted = true;
        else if (!state.Uncommitted)
            shown.Forget(state);
    }

    public void HearRemoved(KeyState state, long token)
    {
        shown.NoteToken(state, token);
        if (token < state.NewestHeard || (state.InMemory && state.Token > token))
        {
            // Something newer is on its way; what was before the removal must not be shown until then.
            if (state.InMemory && state.Token < token)
                shown.Forget(state);
            return;
        }

        scheduling.Unschedule(state);
        shown.Forget(state);
        state.Token = 0;
        Kernel.Post(new Fact(FactKind.WaitOver) { State = state, Token = token });
    }

    /// <summary>Takes a record of the store into memory, where it is not older than what is there.</summary>
    public void Take(StoreCall call, StoreRecord record)
    {
        var state = call.State!;
        shown.NoteToken(state, record.Token);
        if (record.Token < state.Token || record.Token < state.NewestHeard)
            return;
        if (state is { InMemory: true, Uncommitted: true } && IsBasis(state, record.Token))
        {
            // What was made here without the store is newer than what the store still has, and stays until the next one is due.
            state.Token = record.Token;
            scheduling.DueIn(state, record.DueIn, owner: false);
            return;
        }

        if (state is { InMemory: true, Uncommitted: true } && LastsLonger(state, call, record))
        {
            // The farm had no store for long; the next value is to be made from this record's claim, and no reader need wait for it.
            state.Token = record.Token;
            state.DueAt = Now;
            return;
        }

        // What memory has let go for want of room doesn't come back without a reader.
        if (scheduling.IsWanted(state) || call.Flight is not { Why: ClaimReason.Due, Waiters: null })
            shown.Show(state, record.Token, record.Payload!, call.IssuedAt + record.FreshFor.Ticks);
        scheduling.DueIn(state, record.DueIn, owner: false);
        if (call.GapsAtIssue != Kernel.Gaps)
            Kernel.Post(new Fact(FactKind.LookWanted) { State = state });
    }

    /// <summary>
    /// Whether what is shown was made later than the record with this token: it was based on it, in this epoch of the store or in an earlier one whose record is there again
    /// (a server that kept its data, a shard that was given it back).
    /// </summary>
    private bool IsBasis(KeyState state, long token) => token == state.Token
        || (Kernel.EarlierBases.Count > 0 && !Kernel.Omits(Step.KnowEarlierBasis) && Kernel.EarlierBases.TryGetValue(state, out var basis) && token == basis);

    /// <summary>Whether a record is overdue and soon ends, and what is shown instead does not: it was made later, where the store couldn't be asked.</summary>
    private bool LastsLonger(KeyState state, StoreCall call, StoreRecord record)
    {
        var ends = call.IssuedAt + record.FreshFor.Ticks;
        return state.Source is { Profile: { IsScheduled: true } profile } && record.DueIn <= TimeSpan.Zero
            && ends - Now < profile.Tolerance / 2 && state.EndsAt > ends && !scheduling.EndsSoon(state);
    }

    /// <summary>Keeps a value that the store didn't get: here only, until something newer is heard or the store answers again.</summary>
    /// <param name="flight">The flight that made it.</param>
    /// <param name="payload">The value.</param>
    /// <param name="basis">The token of what it is newer than.</param>
    /// <param name="madeAt">When it was made: its lifetime counts from then.</param>
    public void TakeUncommitted(Flight flight, CachePayload payload, long basis, long madeAt)
    {
        var state = flight.State;
        shown.ShowUncommitted(state, payload, basis, madeAt + flight.Profile!.Lifetime);
        scheduling.DueAgainIn(state, Delays.Repair);
    }
}
