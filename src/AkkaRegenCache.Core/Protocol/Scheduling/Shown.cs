using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The value that memory shows of a key, and the key's newest known token.</summary>
/// <remarks>
/// All values reach memory through this component. While this node shows a pending change of a key, no value from the store or another node
/// is shown: only the store can tell which of the two is newer.
/// </remarks>
internal sealed class Shown(Kernel kernel, ChangeQueues queues, Activity activity) : Component(kernel)
{
    /// <summary>A newer token of a key is known.</summary>
    public void NoteToken(KeyState state, long token)
    {
        if (token <= state.NewestHeard)
            return;
        state.NewestHeard = token;
        Kernel.Post(new Fact(FactKind.TokenHeard) { State = state, Token = token });
    }

    /// <summary>
    /// Whether a value from the store or another node may be shown. Not while this node shows a pending change of the key: only the store
    /// can tell which is newer.
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

    /// <summary>Removes the entry from memory.</summary>
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

    /// <summary>Shows the value of a pending change, unless the change is known to be superseded.</summary>
    /// <returns>Whether it is shown; it may have expired.</returns>
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

    /// <summary>Whether memory shows a pending change itself, and not a value made here after it.</summary>
    public bool ShowsChange(KeyState state) => state.ShowsPending || Kernel.Omits(Step.KeepWhatIsNewerThanChange);

    /// <summary>Shows a value that the store does not have.</summary>
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
