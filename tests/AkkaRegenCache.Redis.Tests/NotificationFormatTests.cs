using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>How a notification travels, byte by byte. Needs no server.</summary>
public sealed class NotificationFormatTests
{
    private const string GoldenFresh =
        "A6" + "02" + "01" + "03" // magic, version, fresh, value and due time
        + "026E31" // publisher "n1"
        + "AC02" // sequence 300
        + "016C" // life "l"
        + "036B6579" // key
        + "80C08481F1BA8303" // token 1704067200000000
        + "80C6868F01" // fresh for 30 s
        + "C0D0C5E101" // active for 47.3 s
        + "C0843D" // due in 0.1 s
        + "04" + "6D616465"; // the value

    private const string GoldenFailed =
        "A6" + "02" + "03" + "04" + "026E31" + "05" + "016C" + "036B6579" + "07" + "0454797065" + "084974206" + "2726F6B65";

    private const string GoldenProbe =
        "A6" + "02" + "06" + "08" + "026E31" + "05" + "016C" + "036B6579" + "07" // as above, a wait probe
        + "026E32" // initiator "n2"
        + "AC02" // wait 300
        + "02" // round
        + "037A7A7A" // victim
        + "02" + "0161" + "0162"; // the keys

    private static CacheNotification Probe => new()
    {
        Publisher = "n1",
        Sequence = 5,
        Kind = NotificationKind.WaitProbe,
        Epoch = "l",
        Key = "key",
        Token = 7,
        Probe = new WaitProbe { Initiator = "n2", Wait = 300, Round = 2, Victim = "zzz", Path = ["a", "b"] },
    };

    private static CacheNotification Fresh => new()
    {
        Publisher = "n1",
        Sequence = 300,
        Kind = NotificationKind.Fresh,
        Epoch = "l",
        Key = "key",
        Token = 1704067200000000,
        FreshFor = TimeSpan.FromSeconds(30),
        ActiveFor = TimeSpan.FromSeconds(47.3),
        DueIn = TimeSpan.FromSeconds(0.1),
        Payload = CachePayload.FromBytes("made"u8.ToArray()),
    };

    public static TheoryData<NotificationKind> Kinds => [.. Enum.GetValues<NotificationKind>()];

    [Fact]
    public void A_notification_travels_as_it_always_did()
    {
        Assert.Equal(GoldenFresh, Convert.ToHexString(NotificationFormat.Write(Fresh)));
        Assert.Equal("A60200" + "00" + "026E31" + "AC02" + "016C", Convert.ToHexString(NotificationFormat.Write(
            new CacheNotification { Publisher = "n1", Sequence = 300, Kind = NotificationKind.Heartbeat, Epoch = "l" })));
        Assert.Equal(GoldenFailed, Convert.ToHexString(NotificationFormat.Write(new CacheNotification
        {
            Publisher = "n1",
            Sequence = 5,
            Kind = NotificationKind.Failed,
            Epoch = "l",
            Key = "key",
            Token = 7,
            Failure = new GenerationFailure("Type", "It broke"),
        })));
        Assert.Equal(GoldenProbe, Convert.ToHexString(NotificationFormat.Write(Probe)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(WaitProbe.MostKeys)]
    [InlineData(WaitProbe.MostKeys + 1)]
    public void A_probe_is_read_with_as_many_keys_as_it_may_have(int keys)
    {
        var written = Probe with { Probe = Probe.Probe! with { Path = [.. Enumerable.Range(0, keys).Select(i => new string('鍵', i))] } };

        var read = NotificationFormat.Read(NotificationFormat.Write(written));

        if (keys > WaitProbe.MostKeys)
            Assert.Null(read);
        else
            Assert.Equivalent(written.Probe, read!.Probe, strict: true);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_written_is_read(NotificationKind kind)
    {
        foreach (var withParts in (bool[])[false, true])
        {
            var written = new CacheNotification
            {
                Publisher = "узел-1",
                Sequence = long.MaxValue,
                Kind = kind,
                Epoch = "life",
                Key = kind == NotificationKind.Heartbeat ? "" : "鍵",
                Token = kind == NotificationKind.Heartbeat ? 0 : 5,
                FreshFor = kind == NotificationKind.Fresh ? TimeSpan.FromTicks(-3) : default,
                ActiveFor = kind == NotificationKind.Fresh ? TimeSpan.MaxValue : default,
                DueIn = withParts && kind != NotificationKind.Heartbeat ? TimeSpan.FromTicks(-1) : null,
                Failure = withParts && kind == NotificationKind.Failed ? new GenerationFailure("T", "") : null,
                Probe = withParts && kind == NotificationKind.WaitProbe ? Probe.Probe : null,
                Payload = withParts && kind is NotificationKind.Fresh or NotificationKind.Uncached
                    ? CachePayload.FromBytes(new byte[] { 1, 2, 3 })
                    : null,
            };
            var read = NotificationFormat.Read(NotificationFormat.Write(written))!;
            Assert.Equivalent(
                new { written.Publisher, written.Sequence, written.Kind, written.Epoch, written.Key, written.Token, written.FreshFor },
                new { read.Publisher, read.Sequence, read.Kind, read.Epoch, read.Key, read.Token, read.FreshFor });
            Assert.Equal(written.ActiveFor, read.ActiveFor);
            Assert.Equal(written.DueIn, read.DueIn);
            Assert.Equal(written.Failure, read.Failure);
            Assert.Equivalent(written.Probe, read.Probe, strict: true);
            Assert.Equal(written.Payload?.Bytes?.ToArray(), read.Payload?.Bytes?.ToArray());
        }
    }

    [Theory]
    [InlineData(GoldenFresh)]
    [InlineData(GoldenFailed)]
    [InlineData(GoldenProbe)]
    public void What_is_none_is_none_wherever_it_is_cut_or_bent(string golden)
    {
        var whole = Convert.FromHexString(golden);
        for (var length = 0; length < whole.Length; length++)
            Assert.Null(NotificationFormat.Read(whole[..length]));
        Assert.Null(NotificationFormat.Read([.. whole, 0]));

        var newer = whole.ToArray();
        newer[1] = 3;
        Assert.Null(NotificationFormat.Read(newer));

        // Whatever stands there: no exception, and no memory taken for lengths that can't be.
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var bent = whole.ToArray();
            for (var change = 0; change <= i % 3; change++)
                bent[random.Next(bent.Length)] = (byte)random.Next(256);
            NotificationFormat.Read(bent);
        }
    }
}
