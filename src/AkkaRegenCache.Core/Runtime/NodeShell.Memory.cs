using AkkaRegenCache.Memory;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Runtime;

/// <content>Messages between the agent and the memory layer.</content>
internal sealed partial class NodeShell
{
    long IAccessLog.LastRead(string key)
    {
        var epoch = Memory.Find(key)?.Epoch ?? int.MinValue;
        return TimeOf(epoch);
    }

    private static int EpochOf(long now) => (int)(now / s_epoch);

    private static long TimeOf(int epoch) => epoch == int.MinValue ? long.MinValue : epoch * s_epoch;

    private void TakeIn(Adopt adopt)
    {
        // A disposed node serves no values, so it stores none.
        if (_hasLeft)
            return;
        var payload = adopt.Payload;
        var value = payload.HasValue ? payload.Value : null;
        var outcome = Memory.Set(
            adopt.Key, value, value is null ? payload : null, adopt.Source, adopt.Token, payload.Size, out var entry);
        if (outcome == SetOutcome.Admitted)
            entry!.StartAt(int.MinValue);
        foreach (var evicted in Memory.Evicted)
            Post(Peer.Memory, new Evicted(evicted.Key, TimeOf(evicted.Epoch)));
        if (outcome is SetOutcome.Refused or SetOutcome.Dropped)
            Post(Peer.Memory, new Evicted(adopt.Key, long.MinValue));
    }
}
