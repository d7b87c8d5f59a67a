using System.Collections.Concurrent;
using System.Text;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

public sealed class RedisNotificationsTests
{
    [RedisFact]
    public async Task What_one_connection_publishes_others_hear_until_they_leave()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var one = await Link.ToAsync(server);
        await using var two = await Link.ToAsync(server);
        var publisher = new RedisNotifications(one.Connection);
        var listener = new RedisNotifications(two.Connection);
        var heard = new ConcurrentQueue<string>();
        var first = listener.Subscribe("catalog", n => heard.Enqueue("first " + n.Key));
        using var second = listener.Subscribe("catalog", n => heard.Enqueue("second " + n.Key));
        using var other = listener.Subscribe("prices", n => heard.Enqueue("other " + n.Key));

        await Eventually.Holds(
            async () =>
            {
                await publisher.PublishAsync("catalog", Notification("a"));
                return heard.Contains("first a") && heard.Contains("second a");
            },
            "both hear it");
        first.Dispose();
        await Eventually.Holds(
            async () =>
            {
                heard.Clear();
                await publisher.PublishAsync("catalog", Notification("b"));
                await Eventually.Holds(() => heard.Contains("second b"), "the second one hears on");
                return !heard.Contains("first b");
            },
            "the first one doesn't");
        Assert.DoesNotContain(heard, line => line.StartsWith("other", StringComparison.Ordinal));
    }

    [RedisFact]
    public async Task What_cannot_be_read_is_ignored_with_one_warning()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var log = new LogList();
        var notifications = new RedisNotifications(new RedisConnection(link.Connection), "arc", log);
        var heard = new ConcurrentQueue<string>();
        using var subscription = notifications.Subscribe("catalog", n => heard.Enqueue(n.Key));
        await Eventually.Holds(
            async () =>
            {
                await notifications.PublishAsync("catalog", Notification("before"));
                return !heard.IsEmpty;
            },
            "it stands");
        var newer = NotificationFormat.Write(Notification("newer"));
        newer[1]++;
        foreach (var bytes in (byte[][])[[], [1], Encoding.UTF8.GetBytes("{\"somebody\": \"else\"}"), newer])
            await link.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("arc:notify:0:catalog"), bytes);
        await notifications.PublishAsync("catalog", Notification("after"));
        await Eventually.Holds(() => heard.Contains("after"), "it is heard after them");

        // A slow first echo has a warning of its own.
        await Eventually.Holds(() => Unreadable().Any(), "there is a warning");
        Assert.Single(Unreadable());
        Assert.DoesNotContain("newer", heard);

        IEnumerable<string> Unreadable() => log.Lines.Where(line => line.Contains("can't be read", StringComparison.Ordinal));
    }

    [RedisFact]
    public async Task A_subscription_outlives_its_server_and_may_come_before_it()
    {
        await using var server = await RedisServer.StartNewAsync();
        await server.KillAsync();
        await using var connection = RedisConnection.To(server.Configuration);
        var notifications = new RedisNotifications(connection, "arc", null);
        var heard = 0;
        using var subscription = notifications.Subscribe("catalog", _ => Interlocked.Increment(ref heard));
        for (var round = 0; round < 2; round++)
        {
            await server.StartAsync();
            Volatile.Write(ref heard, 0);
            await Eventually.Holds(
                async () =>
                {
                    await notifications.PublishAsync("catalog", Notification("key"));
                    return Volatile.Read(ref heard) > 0;
                },
                "it is heard");
            await server.KillAsync();
        }
    }

    [RedisFact]
    public async Task A_subscription_that_no_longer_hears_is_made_anew()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var notifications = new RedisNotifications(link.Connection);
        var heard = 0;
        using var subscription = notifications.Subscribe("catalog", _ => Interlocked.Increment(ref heard));
        for (var round = 0; round < 2; round++)
        {
            await Eventually.Holds(
                async () =>
                {
                    await notifications.PublishAsync("catalog", Notification("key"));
                    return Volatile.Read(ref heard) > 0;
                },
                "it is heard");

            // As the client does it where a renewal is lost: nobody is told, and all goes on as if it stood.
            await link.Connection.GetSubscriber().UnsubscribeAllAsync();
            Volatile.Write(ref heard, 0);
        }
    }

    [RedisFact]
    public async Task An_echo_that_comes_before_the_answer_is_not_waited_for()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var subscriber = link.Connection.GetSubscriber();
        var channel = RedisChannel.Literal("arc:notify:0:catalog");
        var (published, heard, silent, clock) = (0L, 0, 0, new ManualClock());
        var channelSubscription = new ChannelSubscription(
            () => Task.FromResult((subscriber, channel)), _ => { }, () => Interlocked.Increment(ref silent), () => false, clock);
        using var subscription = channelSubscription.Add(_ => Interlocked.Increment(ref heard));
        await Eventually.Holds(() => subscriber.IsConnected(channel), "it is subscribed");
        for (var heartbeat = 0; heartbeat < 3; heartbeat++)
        {
            var before = channelSubscription.Heard;
            await Eventually.Holds(
                async () =>
                {
                    published += await subscriber.PublishAsync(channel, NotificationFormat.Write(Notification("key")));
                    return Volatile.Read(ref heard) > heartbeat;
                },
                "the echo comes");
            channelSubscription.OnPublished(before);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        // An echo that is still under way would clear what follows.
        await Eventually.Holds(() => channelSubscription.Heard == published, "all echoes have come");

        // This answer comes before its echo, and the echo is waited for only from now on.
        channelSubscription.OnPublished(channelSubscription.Heard);
        Assert.Equal(0, silent);

        // What does not come back is noticed all the same.
        clock.Advance(TimeSpan.FromSeconds(1));
        channelSubscription.OnPublished(channelSubscription.Heard);
        Assert.Equal(1, silent);
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _ticks);

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
    }

    private static CacheNotification Notification(string key) =>
        new() { Publisher = "n1", Sequence = 1, Kind = NotificationKind.Removed, Epoch = "life", Key = key, Token = 5 };
}
