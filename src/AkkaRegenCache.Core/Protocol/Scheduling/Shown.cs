using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class Shown(Kernel kernel) : Component(kernel)
{
    /// <summary>
    /// A key has a newer token. A flight that runs under an older one is overtaken.
    /// </summary>
    public void NoteToken(KeyState state, long token)
    {
        if (token <= state.NewestHeard)
            return;
        state.NewestHeard = token;
        if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight && flight.Token < token)
            Flights.Seal(flight);
    }

    /// <summary>
    /// Whether what the store or another node says of a key may be shown: not while this node shows a change of its own, since only the store can
    /// tell which of the two is newer.
    /// </summary>
    public bool MayShow(KeyState state) => Writes.LastApplied(state) is null || Kernel.Omits(Step.HideBehindChange);

    public void Show(KeyState state, long token, CachePayload payload, long endsAt)
    {
        if (!MayShow(state))
            return;
        state.InMemory = true;
        state.Uncommitted = false;
        state.Token = token;
        state.EndsAt = endsAt;
        Out.Send(Peer.Memory, new Adopt(state.Key, token, payload, state.Source, committed: true));
        Flights.ServeShown(state);
    }

    /// <summary>Takes the entry out of memory.</summary>
    public void Forget(KeyState state)
    {
        if (state.InMemory)
        {
            Activity.OwnActivity(state);
            Out.Send(Peer.Memory, new Drop(state.Key));
        }

        state.InMemory = false;
        state.Uncommitted = false;
        state.EndsAt = long.MaxValue;
    }
}
