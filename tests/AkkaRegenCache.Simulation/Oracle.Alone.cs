using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <content>Nodes that are out of the cluster and have a store of their own: it keeps all promises, but to nobody else.</content>
internal sealed partial class Oracle
{
    private const int LivesAlone = 2_000_000;

    /// <summary>A node is out of the cluster. What it has pending goes to its own store, where it gets one.</summary>
    public void GoesOnAlone(SimNode node)
    {
        Mark(node.Own is null ? "goes on without cluster" : "goes on with a store of its own");
        if (node.Own is null)
            return;
        _pending.RemoveAll(c => c.Node == node);
        _alone[node] = new Side { Epoch = LivesAlone + _alone.Count };
    }

    public void ExecutedAlone(SimNode node, StoreCall call, StoreAnswer answer)
    {
        _side = _alone[node];
        Executed(call, answer);
        _side = null;
    }
}
