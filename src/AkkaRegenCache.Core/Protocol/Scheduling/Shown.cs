using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What memory shows of a key, and the newest token known of it.</summary>
/// <remarks>
/// The gate before memory: nothing comes to be shown but through here, and what the store or another node says is not shown while this node shows a change of its own
/// that the store hasn't taken, since only the store can tell which of the two is newer.
/// </remarks>
internal sealed class Shown(Kernel kernel, ChangeQueues queues, Activity activity) : Component(kernel)
{
    /// <summary>A key has a newer token.</summary>
    public void NoteToken(KeyState state, long token)
    {
        if (token <= state.NewestHeard)
            return;
        state.NewestHeard = token;
        Kernel.Post(new Fact(FactKind.TokenHeard) { State = state, Token = token });
    }

    /// <summary>
    /// Whether what the store or another node says of a key may be shown: not while this node shows a change of its own, since only the store can
    /// tell which of the two is newer.
    /// </summary>
    public bool MayShow(KeyState state) => queues.LastApplied(state) is null || Kernel.Omits(Step.HideBehindChange);

    public void Show(KeyState state, long token, CachePayload payload, long endsAt)
    {
        if (!MayShow(state))
            return;
        state.InMemory = true;
        state.Uncommitted = false;
        state.Token = token;
        state.EndsAt = endsAt;
        Out.Send(Peer.Memory, new Adopt(state.Key, token, payload, state.Source, committed: true));
        Kernel.Post(new Fact(FactKind.ValueShown) { State = state });
    }

    /// <summary>Takes the entry out of memory.</summary>
    public void Forget(KeyState state)
    {
        if (state.InMemory)
        {
            activity.OwnActivity(state);
            Out.Send(Peer.Memory, new Drop(state.Key));
        }

        state.InMemory = false;
        state.Uncommitted = false;
        state.EndsAt = long.MaxValue;
    }

    /// <summary>Shows a value that is on its way to the store, as long as it isn't known to have lost.</summary>
    /// <returns>Whether it is shown: its time may be over.</returns>
    public bool ShowPending(PendingChange change, CachePayload payload)
    {
        var ends = change.AskedAt + change.Profile.Lifetime;
        if (ends <= Now)
            return false;
        ShowUncommitted(change.State, payload, Math.Max(change.State.Token, change.Observed), ends);
        change.State.ShowsPending = true;
        Kernel.Post(new Fact(FactKind.ChangeShown) { State = change.State, Payload = payload });
        return true;
    }

    /// <summary>Whether memory shows a change itself that the store hasn't taken, and not what was made here since.</summary>
    public bool ShowsChange(KeyState state) => state.ShowsPending || Kernel.Omits(Step.KeepWhatIsNewerThanChange);

    /// <summary>Shows a value that the store hasn't got.</summary>
    public void ShowUncommitted(KeyState state, CachePayload payload, long token, long endsAt)
    {
        state.InMemory = true;
        state.Uncommitted = true;
        state.Token = token;
        state.EndsAt = endsAt;
        Out.Send(Peer.Memory, new Adopt(state.Key, token, payload, state.Source, committed: false));
        Kernel.Post(new Fact(FactKind.ValueShown) { State = state });
    }
}
