using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Wire;

/// <summary>A remoting frame holds 128,000 bytes, and what is larger is dropped.</summary>
public sealed class WireLimitsTests
{
    private const int Frame = 128_000;

    [Fact]
    public void A_survey_of_any_size_comes_in_messages_that_fit_and_nothing_is_lost()
    {
        var keys = Enumerable.Range(0, 1000).Select(i => i.ToString("d4", System.Globalization.CultureInfo.InvariantCulture) + new string('\u20ac', 1000)).ToList();
        var resync = new ResyncAnswered
        {
            Node = "node",
            Incarnation = 5,
            Held = [.. keys.Take(100).Select(key => new ClaimHeld { Node = "node", Key = key, Token = 1, EndsIn = TimeSpan.FromSeconds(1) })],
            Awaited = [.. keys.Take(100).Select(key => new ClaimAwaited { Node = "node", Key = key, Token = 1, Holder = "other" })],
            Offered = [.. keys.Select(key => new OfferedKey(key, 1, null, default, default))],
        };

        var parts = WireLimits.Split(resync).Cast<ResyncAnswered>().ToList();

        Assert.All(parts, part => Assert.InRange(WireFormat.Write(new ToShard(1, part)).Length, 1, Frame * 3 / 4));
        Assert.All(parts, part => Assert.Equal(5, part.Incarnation));
        Assert.Equal(resync.Held, parts.SelectMany(part => part.Held));
        Assert.Equal(resync.Awaited, parts.SelectMany(part => part.Awaited));
        Assert.Equal(resync.Offered, parts.SelectMany(part => part.Offered));
    }

    [Fact]
    public void Offers_come_in_messages_that_fit_and_small_ones_in_one()
    {
        var large = new KeysOffered { Node = "node", Keys = [.. Enumerable.Range(0, 256).Select(i => new OfferedKey(new string('k', 1020) + i, 1, null, default, default))] };
        var parts = WireLimits.Split(large).Cast<KeysOffered>().ToList();
        Assert.All(parts, part => Assert.InRange(WireFormat.Write(new ToShard(1, part)).Length, 1, Frame * 3 / 4));
        Assert.Equal(large.Keys, parts.SelectMany(part => part.Keys));
        var small = new KeysOffered { Node = "node", Keys = [.. large.Keys.Take(5)] };
        Assert.Same(small, Assert.Single(WireLimits.Split(small)));
    }

    [Fact]
    public void Records_that_are_given_back_come_in_messages_that_fit_without_those_that_fit_none()
    {
        RecoveryRecord Record(string key, int length) =>
            new(key, 1, CachePayload.FromBytes(new byte[length]), TimeSpan.FromSeconds(1), default, null, default);
        var kept = new RecordsRecovered
        {
            Node = "node",
            Epoch = "life",
            Records = [.. Enumerable.Range(0, 100).Select(i => Record($"key{i}", 30_000)), Record("large", WireLimits.Payload), Record("too large", WireLimits.Payload + 1)],
        };

        var parts = WireLimits.Split(kept).Cast<RecordsRecovered>().ToList();

        Assert.All(parts, part => Assert.InRange(WireFormat.Write(new ToShard(1, part)).Length, 1, Frame * 3 / 4));
        Assert.Equal(kept.Records.Take(101), parts.SelectMany(part => part.Records));
    }

    [Fact]
    public void The_largest_wait_probe_fits()
    {
        var key = new string('\u20ac', 1024);
        var probe = new CacheNotification
        {
            Publisher = "node",
            Kind = NotificationKind.WaitProbe,
            Epoch = "life",
            Key = key,
            Probe = new WaitProbe { Initiator = "node", Wait = 1, Round = 1, Victim = key, Path = [.. Enumerable.Repeat(key, WaitProbe.MostKeys)] },
        };

        Assert.InRange(WireFormat.Write(new ToNode(WireLimits.Fit(probe))).Length, 1, Frame * 3 / 4);
    }

    [Theory]
    [InlineData(WireLimits.Payload, true)]
    [InlineData(WireLimits.Payload + 1, false)]
    public void A_value_travels_in_a_notification_only_where_it_fits(int length, bool travels)
    {
        var notification = new CacheNotification
        {
            Publisher = "node",
            Kind = NotificationKind.Fresh,
            Epoch = "life",
            Key = new string('\u20ac', 1024),
            Payload = CachePayload.FromBytes(new byte[length]),
            Failure = new GenerationFailure("Type", new string('\u20ac', 100_000)),
        };

        Assert.Equal(travels, WireLimits.Fit(notification).Payload is not null);
        var known = (OutcomeKnown)Assert.Single(WireLimits.Split(new OutcomeKnown { Node = "node", Outcome = notification }));
        Assert.Equal(travels, known.Outcome.Payload is not null);
        Assert.InRange(WireFormat.Write(new ToShard(1, known)).Length, 1, Frame * 3 / 4);
    }
}
