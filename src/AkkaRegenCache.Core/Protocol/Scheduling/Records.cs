using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Applies a record or a removal from the store, or a value made without the store, to memory and schedule.</summary>
internal sealed class Records(Kernel kernel, Shown shown, Scheduling scheduling) : Component(kernel)
{
    /// <summary>
    /// The store lost the record that memory shows before its lifetime ended: it was evicted, or removed so long ago that the tombstone is
    /// gone too. A scheduled key is claimed again and shown until then. For any other key the next reader asks the store.
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
            // A newer value is being fetched. Until then the value from before the removal must not be shown.
            if (state.InMemory && state.Token < token)
                shown.Forget(state);
            return;
        }

        scheduling.Unschedule(state);
        shown.Forget(state);
        state.Token = 0;
        Kernel.Post(new Fact(FactKind.WaitOver) { State = state, Token = token });
    }

    /// <summary>Takes a record of the store into memory, unless memory shows a newer one.</summary>
    public void Take(StoreCall call, StoreRecord record)
    {
        var state = call.State!;
        shown.NoteToken(state, record.Token);
        if (record.Token < state.Token || record.Token < state.NewestHeard)
            return;
        if (state is { InMemory: true, Uncommitted: true } && IsBasis(state, record.Token))
        {
            // A value made here without the store is newer than this record, which it is based on. It stays until the next one is due.
            state.Token = record.Token;
            scheduling.DueIn(state, record.DueIn, owner: false);
            return;
        }

        if (state is { InMemory: true, Uncommitted: true } && LastsLonger(state, call, record))
        {
            // The store was down for long. The next value is made under a claim after this record, and readers get the uncommitted one
            // until then.
            state.Token = record.Token;
            state.DueAt = Now;
            return;
        }

        // A value that memory evicted does not come back without a reader.
        if (scheduling.IsWanted(state) || call.Flight is not { Why: ClaimReason.Due, Waiters: null })
            shown.Show(state, record.Token, record.Payload!, call.IssuedAt + record.FreshFor.Ticks);
        scheduling.DueIn(state, record.DueIn, owner: false);
        if (call.GapsAtIssue != Kernel.Gaps)
            Kernel.Post(new Fact(FactKind.LookWanted) { State = state });
    }

    /// <summary>
    /// Whether the shown value is based on the record with this token: in this epoch of the store, or in an earlier one whose record has
    /// returned (a server that kept its data, or the recovery of a shard).
    /// </summary>
    private bool IsBasis(KeyState state, long token) => token == state.Token
        || (Kernel.EarlierBases.Count > 0 && !Kernel.Omits(Step.KnowEarlierBasis) && Kernel.EarlierBases.TryGetValue(state, out var basis)
            && token == basis);

    /// <summary>
    /// Whether the record is overdue and near its end, and the shown value lasts longer: it was made later, without the store.
    /// </summary>
    private bool LastsLonger(KeyState state, StoreCall call, StoreRecord record)
    {
        var ends = call.IssuedAt + record.FreshFor.Ticks;
        return state.Source is { Profile: { IsScheduled: true } profile } && record.DueIn <= TimeSpan.Zero
            && ends - Now < profile.Tolerance / 2 && state.EndsAt > ends && !scheduling.EndsSoon(state);
    }

    /// <summary>Shows an uncommitted value on this node, until something newer is received or the store answers again.</summary>
    /// <param name="flight">The flight that made it.</param>
    /// <param name="payload">The value.</param>
    /// <param name="basis">The token of the record that it is based on.</param>
    /// <param name="madeAt">When it was made; its lifetime counts from then.</param>
    public void TakeUncommitted(Flight flight, CachePayload payload, long basis, long madeAt)
    {
        var state = flight.State;
        shown.ShowUncommitted(state, payload, basis, madeAt + flight.Profile!.Lifetime);
        scheduling.DueAgainIn(state, Delays.Repair);
    }
}
