using System.Collections.Concurrent;
using System.Text;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>The script that commits tells the other nodes, in the very bytes in which a node would have told them.</summary>
public sealed class AnnouncementTests
{
    private static readonly byte[] s_value = Encoding.UTF8.GetBytes(new string('v', 300));

    [RedisTheory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task A_commit_is_told_once_as_a_node_would_tell_it(bool withValue, bool isScheduled)
    {
        await using var farm = await Farm.StartAsync();
        var claim = await farm.ClaimAsync("käse {1}");
        var commit = Commit(claim, "käse {1}", 300, withValue) with
        {
            Schedule = new StoreSchedule
            {
                FreshFor = TimeSpan.FromMinutes(3),
                Interval = isScheduled ? TimeSpan.FromMinutes(1) : null,
                MinimumForward = TimeSpan.Zero,
                ActiveFor = TimeSpan.FromHours(1),
            },
        };

        var answer = await farm.Store.CommitAsync(commit);
        Assert.True(answer.Accepted);
        Assert.Equal(answer.Token, (await farm.Store.CommitAsync(commit)).Token);
        await farm.PublishEndAsync();

        var heard = await farm.HeardAsync();
        var expected = new CacheNotification
        {
            Publisher = "node",
            Sequence = 300,
            Kind = NotificationKind.Fresh,
            Epoch = answer.Epoch,
            Key = "käse {1}",
            Token = answer.Token,
            FreshFor = TimeSpan.FromMinutes(3),
            DueIn = answer.DueIn,
            ActiveFor = answer.ActiveFor,
            Payload = withValue ? CachePayload.FromBytes(s_value) : null,
        };
        Assert.Equal(isScheduled, answer.DueIn is not null);
        Assert.Equal(NotificationFormat.Write(expected), NotificationFormat.Write(heard));
    }

    [RedisFact]
    public async Task A_commit_that_comes_too_late_is_told_as_the_end_of_its_claim()
    {
        await using var farm = await Farm.StartAsync();
        var claim = await farm.ClaimAsync("key");
        await farm.Store.InvalidateAsync(new InvalidateRequest { Key = "key", Operation = new("node", 99), TombstoneFor = TimeSpan.FromMinutes(1) });

        Assert.False((await farm.Store.CommitAsync(Commit(claim, "key", 7, withValue: true))).Accepted);
        await farm.PublishEndAsync();

        var heard = await farm.HeardAsync();
        Assert.Equal((NotificationKind.Released, "key", claim.Token, 7L), (heard.Kind, heard.Key, heard.Token, heard.Sequence));
        Assert.Null(heard.Payload);
    }

    [RedisFact]
    public async Task A_commit_is_told_on_the_channel_that_the_client_listens_to_whatever_prefix_it_gives_channels()
    {
        await using var farm = await Farm.StartAsync(",channelPrefix=shop-");
        var claim = await farm.ClaimAsync("key");
        Assert.True((await farm.Store.CommitAsync(Commit(claim, "key", 300, withValue: true))).Accepted);
        await farm.PublishEndAsync();

        var heard = await farm.HeardAsync();
        Assert.Equal((NotificationKind.Fresh, "key", claim.Token, 300L), (heard.Kind, heard.Key, heard.Token, heard.Sequence));
    }

    [RedisFact]
    public async Task A_commit_is_told_also_where_the_prefix_of_channels_cannot_be_read_from_the_configuration()
    {
        await using var farm = await Farm.StartAsync(configure: options => options.ChannelPrefix = RedisChannel.Literal("shop,1-"));
        var claim = await farm.ClaimAsync("key");
        Assert.True((await farm.Store.CommitAsync(Commit(claim, "key", 300, withValue: true))).Accepted);
        await farm.PublishEndAsync();

        var heard = await farm.HeardAsync();
        Assert.Equal((NotificationKind.Fresh, "key", claim.Token, 300L), (heard.Kind, heard.Key, heard.Token, heard.Sequence));
        Assert.Equal(s_value, heard.Payload!.Bytes!.Value.ToArray());
        await Eventually.Holds(() => !farm.Store.AnnouncesOn(new RedisNotifications(farm.Link.Connection)), "nodes tell by themselves from now on");
    }

    [RedisFact]
    public async Task Only_notifications_on_the_same_connection_and_prefix_are_announced_on()
    {
        await using var farm = await Farm.StartAsync();
        await farm.ClaimAsync("key");
        Assert.True(farm.Store.AnnouncesOn(new RedisNotifications(farm.Link.Connection)));
        Assert.False(farm.Store.AnnouncesOn(new RedisNotifications(farm.Link.Connection, "another")));
        Assert.False(farm.Store.AnnouncesOn(new InProcessNotificationBus()));
        await using var other = await Link.ToAsync(farm.Server);
        Assert.False(farm.Store.AnnouncesOn(new RedisNotifications(other.Connection)));
    }

    private static CommitRequest Commit(ClaimAnswer claim, string key, long sequence, bool withValue) => new()
    {
        Key = key,
        Operation = new OperationId("node", 2),
        Token = claim.Token,
        ClaimEpoch = claim.Epoch,
        Payload = CachePayload.FromBytes(s_value),
        Schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(3), MinimumForward = TimeSpan.Zero, ActiveFor = TimeSpan.Zero },
        Announcement = new CommitAnnouncement("node", sequence, withValue),
    };

    private sealed class Farm(RedisServer server, Link link, IDisposable subscription, ConcurrentQueue<CacheNotification> heard) : IAsyncDisposable
    {
        public RedisServer Server => server;

        public Link Link => link;

        public IExternalStore Store { get; } = new RedisStore(link.Connection).ForCache("catalog");

        public static async Task<Farm> StartAsync(string configuration = "", Action<ConfigurationOptions>? configure = null)
        {
            var server = await RedisServer.StartNewAsync();
            var link = await Link.ToAsync(server, configuration, configure);
            var notifications = new RedisNotifications(link.Connection);
            var heard = new ConcurrentQueue<CacheNotification>();
            var subscription = notifications.Subscribe("catalog", heard.Enqueue);
            await Eventually.Holds(
                async () =>
                {
                    await notifications.PublishAsync("catalog", Mark("stands"));
                    return !heard.IsEmpty;
                },
                "the subscription stands");
            return new Farm(server, link, subscription, heard);
        }

        public async Task<ClaimAnswer> ClaimAsync(string key)
        {
            var claim = await Store.ClaimAsync(new ClaimRequest
            {
                Key = key, Operation = new OperationId("node", 1), Owner = "node", Lease = TimeSpan.FromSeconds(30), Reason = ClaimReason.Miss,
            });
            Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
            return claim;
        }

        /// <summary>What was told before this has been heard when this is heard.</summary>
        public async Task PublishEndAsync() => await new RedisNotifications(link.Connection).PublishAsync("catalog", Mark("end"));

        /// <summary>The one notification between the subscription and the end.</summary>
        public async Task<CacheNotification> HeardAsync()
        {
            await Eventually.Holds(() => heard.Any(n => n.Key == "end"), "the end is heard");
            return Assert.Single(heard, n => n.Key is not ("stands" or "end"));
        }

        public async ValueTask DisposeAsync()
        {
            subscription.Dispose();
            await link.DisposeAsync();
            await server.DisposeAsync();
        }

        private static CacheNotification Mark(string key) =>
            new() { Publisher = "another", Kind = NotificationKind.Removed, Epoch = "", Key = key };
    }
}
