using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>Which way a notification goes, and which of two that bring the same is followed.</summary>
public sealed class FarmNotificationsTests
{
    private const string Cache = "catalog";

    private readonly InProcessNotificationBus _cluster = new();
    private readonly InProcessNotificationBus _outside = new();
    private readonly List<CacheNotification> _sentOutside = [];
    private readonly List<long> _heard = [];
    private readonly FarmNotifications _bus;
    private bool _isMember = true;

    public FarmNotificationsTests()
    {
        _outside.Subscribe(Cache, n => _sentOutside.Add(n));
        _bus = new FarmNotifications(_cluster, _outside, () => _isMember, TimeProvider.System);
        _bus.Subscribe(Cache, n =>
        {
            if (n.Publisher != "own")
                _heard.Add(n.Sequence);
        });
    }

    [Fact]
    public async Task Inside_of_one_cluster_only_heartbeats_go_outside()
    {
        await _bus.PublishAsync(Cache, Heartbeat("own", 0));
        await _cluster.PublishAsync(Cache, Heartbeat("peer", 0));
        await _outside.PublishAsync(Cache, Heartbeat("peer", 0));
        _sentOutside.Clear();

        await _bus.PublishAsync(Cache, Removed("own", 1));
        await _bus.PublishAsync(Cache, Heartbeat("own", 1));

        Assert.Equal(NotificationKind.Heartbeat, Assert.Single(_sentOutside).Kind);
    }

    [Fact]
    public async Task Everything_goes_outside_once_an_outsider_was_heard_and_while_this_node_is_no_member()
    {
        _isMember = false;
        await _bus.PublishAsync(Cache, Removed("own", 1));
        Assert.Single(_sentOutside);
        _isMember = true;

        await _outside.PublishAsync(Cache, Heartbeat("worker", 0));
        _sentOutside.Clear();
        await _bus.PublishAsync(Cache, Heartbeat("own", 1));
        await _bus.PublishAsync(Cache, Removed("own", 2));
        Assert.Equal([1, 2], _sentOutside.Select(n => n.Sequence));
    }

    [Fact]
    public async Task A_node_that_is_heard_in_the_cluster_is_not_followed_outside_where_a_number_may_come_too_soon()
    {
        await _cluster.PublishAsync(Cache, Removed("peer", 1));

        // Its notification 2 is still on its way through the cluster.
        await _outside.PublishAsync(Cache, Heartbeat("peer", 2));
        await _outside.PublishAsync(Cache, Removed("peer", 3));
        await _cluster.PublishAsync(Cache, Removed("peer", 2));
        await _cluster.PublishAsync(Cache, Removed("peer", 3));

        Assert.Equal([1, 2, 3], _heard);
    }

    [Fact]
    public async Task A_node_that_the_cluster_no_longer_brings_is_followed_outside_and_what_comes_on_both_ways_is_passed_on_once()
    {
        await _cluster.PublishAsync(Cache, Removed("peer", 1));
        for (var i = 0; i < FarmNotifications.UnheardHeartbeats; i++)
            await _outside.PublishAsync(Cache, Heartbeat("peer", 1));
        await _outside.PublishAsync(Cache, Removed("peer", 2));
        await _outside.PublishAsync(Cache, Removed("peer", 4));

        // The cluster is whole again, and brings what was held up.
        for (var number = 2; number <= 5; number++)
            await _cluster.PublishAsync(Cache, Removed("peer", number));

        Assert.Equal([1, 1, 2, 4, 3, 5], _heard);
    }

    [Fact]
    public async Task A_wait_probe_has_no_number_of_its_own_makes_nobody_an_outsider_and_goes_where_news_goes()
    {
        await _cluster.PublishAsync(Cache, Removed("peer", 1));
        await _cluster.PublishAsync(Cache, Probe("peer", 1));
        await _cluster.PublishAsync(Cache, Probe("peer", 1));
        await _cluster.PublishAsync(Cache, Removed("peer", 2));
        for (var i = 0; i < FarmNotifications.UnheardHeartbeats; i++)
            await _outside.PublishAsync(Cache, Probe("peer", 2));
        Assert.Equal([1, 1, 1, 2], _heard);

        // The nodes outside hear it once there are any.
        _sentOutside.Clear();
        await _bus.PublishAsync(Cache, Probe("own", 0));
        Assert.Empty(_sentOutside);
        await _outside.PublishAsync(Cache, Heartbeat("worker", 0));
        _sentOutside.Clear();
        await _bus.PublishAsync(Cache, Probe("own", 0));
        Assert.Equal(NotificationKind.WaitProbe, Assert.Single(_sentOutside).Kind);
    }

    private static CacheNotification Probe(string publisher, long number) =>
        new() { Publisher = publisher, Sequence = number, Kind = NotificationKind.WaitProbe, Epoch = "life", Key = "key", Token = 5 };

    private static CacheNotification Heartbeat(string publisher, long number) =>
        new() { Publisher = publisher, Sequence = number, Kind = NotificationKind.Heartbeat, Epoch = "life" };

    private static CacheNotification Removed(string publisher, long number) =>
        new() { Publisher = publisher, Sequence = number, Kind = NotificationKind.Removed, Epoch = "life", Key = "key", Token = number };
}
