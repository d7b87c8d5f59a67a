using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Until when this node's reads keep keys active, and the touches that report it to the store.</summary>
internal sealed class Activity(Kernel kernel) : Component(kernel)
{
    public List<(string Key, long ActiveUntil)> Touches { get; } = [];

    /// <summary>Until when this node's own reads keep the key active, as far as the memory layer's access epochs can tell.</summary>
    public long OwnActivity(KeyState state)
    {
        if (state.Source is { } source && state.InMemory)
        {
            var lastRead = Kernel.Access.LastRead(state.Key);
            if (lastRead != long.MinValue)
                state.ActiveUntil = Math.Max(state.ActiveUntil, lastRead + source.Profile.Retention);
        }

        return state.ActiveUntil;
    }

    /// <summary>
    /// Reports this node's reads to the store, if they keep a key active for much longer than the farm knows. So a key that one node reads
    /// and another regenerates stays active even if the reader dies.
    /// </summary>
    public void TouchIfMoreActive(KeyState state, TimeSpan knownFor)
    {
        if (state.Source is not { Profile: { IsScheduled: true } profile })
            return;
        var own = OwnActivity(state) - Now;
        if (own <= knownFor.Ticks + (profile.Retention / 4))
            return;
        Touches.Add((state.Key, state.ActiveUntil));
        Kernel.WakeHousekeeping();
    }
}
