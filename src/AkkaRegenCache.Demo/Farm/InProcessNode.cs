using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// A node in the demo's own process. All of them share one store and one bus, which stand for what would be Redis between real machines. Killed,
/// it behaves as a killed process does: nothing of it reaches the store, the bus, the origin or a client any more.
/// </summary>
internal sealed class InProcessNode : FarmNode
{
    private readonly Lifeline _lifeline;
    private readonly WebNode _node;

    private InProcessNode(int number, WebNode node, Lifeline lifeline)
        : base(number)
    {
        _node = node;
        _lifeline = lifeline;
    }

    public override Uri Address => _node.Address;

    public static async Task<FarmNode> StartAsync(int number, IExternalStore store, INotificationBus bus, Uri origin)
    {
        var lifeline = new Lifeline();
        WebNode node = await WebNode.StartAsync(
            origin, cache => cache.UseStore(new SeverableStore(store, lifeline)).UseNotifications(new SeverableBus(bus, lifeline)));
        return new InProcessNode(number, node, lifeline);
    }

    public override Task<int> GeneratingAsync(CancellationToken cancellationToken) => Task.FromResult(_node.Generating);

    public override ValueTask DisposeAsync() => _node.DisposeAsync();

    protected override void KillCore()
    {
        _lifeline.Cut();
        _node.Kill();
    }
}
