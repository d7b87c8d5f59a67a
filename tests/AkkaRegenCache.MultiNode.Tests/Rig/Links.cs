using Akka.Remote.Transport;
using Xunit;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>
/// The links between the nodes, one in each direction. A cut link is a black hole at both of its ends, so that an association that is made while it is
/// cut carries nothing either.
/// </summary>
internal sealed class Links
{
    private readonly Dictionary<(FarmNode From, FarmNode To), List<string>> _cut = [];

    public bool IsCut(FarmNode from, FarmNode to) => _cut.ContainsKey((from, to));

    /// <summary>Cuts links, and sends over each of them a letter that must not arrive.</summary>
    public async Task CutAsync(IReadOnlyList<(FarmNode From, FarmNode To)> links)
    {
        foreach (var link in links)
            _cut.TryAdd(link, []);
        foreach (var (from, to) in links)
            await ApplyAsync(from, to);
        foreach (var link in links)
            _cut[link].Add(Mailbox.Send(link.From, link.To));
    }

    /// <summary>Lifts all cuts.</summary>
    public async Task LiftAsync()
    {
        var links = _cut.Keys.ToList();
        _cut.Clear();
        foreach (var (from, to) in links)
            await ApplyAsync(from, to);
    }

    /// <summary>Nothing that was sent over a cut link has arrived.</summary>
    public void AssertNothingPassed() =>
        Assert.Empty(from link in _cut from letter in link.Value where link.Key.To.Mailbox.Has(letter) select $"{link.Key.From.Name} reached {link.Key.To.Name}");

    /// <summary>A message from one node arrives at another.</summary>
    public static Task PassesAsync(FarmNode from, FarmNode to)
    {
        var letters = new List<string>();
        return Eventually.PassesAsync($"messages from {from.Name} to {to.Name} arrive", () =>
        {
            letters.Add(Mailbox.Send(from, to));
            Assert.Contains(letters, to.Mailbox.Has);
        });
    }

    private async Task ApplyAsync(FarmNode one, FarmNode other)
    {
        await ThrottleAsync(one, other);
        await ThrottleAsync(other, one);
    }

    /// <summary>
    /// Sets what passes at a node's own end. The adapter remembers only the latest setting for associations to come: a black hole is set last.
    /// </summary>
    private async Task ThrottleAsync(FarmNode at, FarmNode peer)
    {
        if (at.HasEnded)
            return;
        var blocked = (Send: IsCut(at, peer), Receive: IsCut(peer, at)) switch
        {
            (true, true) => ThrottleTransportAdapter.Direction.Both,
            (true, false) => ThrottleTransportAdapter.Direction.Send,
            (false, true) => ThrottleTransportAdapter.Direction.Receive,
            _ => (ThrottleTransportAdapter.Direction?)null,
        };
        if (blocked != ThrottleTransportAdapter.Direction.Both)
        {
            var open = blocked switch
            {
                ThrottleTransportAdapter.Direction.Send => ThrottleTransportAdapter.Direction.Receive,
                ThrottleTransportAdapter.Direction.Receive => ThrottleTransportAdapter.Direction.Send,
                _ => ThrottleTransportAdapter.Direction.Both,
            };
            await SetAsync(at, peer, open, Unthrottled.Instance);
        }

        if (blocked is { } direction)
            await SetAsync(at, peer, direction, Blackhole.Instance);
    }

    private static async Task SetAsync(FarmNode at, FarmNode peer, ThrottleTransportAdapter.Direction direction, ThrottleMode mode)
    {
        Assert.True(
            await at.Transport.ManagementCommand(new SetThrottle(peer.Address, direction, mode)).WaitAsync(Eventually.Deadline),
            $"{at.Name} has no throttler.");
    }
}
