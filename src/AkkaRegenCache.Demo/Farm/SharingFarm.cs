using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>Nodes in the demo's process that share one store and one bus, in memory.</summary>
internal sealed class SharingFarm : FarmKind
{
    // Serialized values, as a store on another machine would have them.
    private readonly InMemoryStore _store = new(storesObjects: false);
    private readonly InProcessNotificationBus _bus = new();

    public override string Where => "in this process, sharing a store in memory";

    public override Task<FarmNode> StartAsync(int number, Uri origin, bool isNewcomer, Action<string> tell) =>
        InProcessNode.StartAsync(number, _store, _bus, origin);
}
