using System.Buffers.Binary;
using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>What lies in Redis, byte by byte, and what happens where it isn't ours.</summary>
public sealed class RecordFormatTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    // 2024-01-01T00:00:00Z in microseconds, standing still.
    private const string StandingClock = "local function clock() return 1704067200000000 end\n";

    private const string GoldenValue =
        "4152569E" + "02" + "00" + "4000" // magic, version, flags, header length
        + "00202110D70D0600" // token 1704067200000000
        + "00A7B413D70D0600" // ends 60 s later
        + "E099D010D70D0600" // due 11.5 s later
        + "E079AF0000000000" // interval 11.5 s
        + "20E03B47D70D0600" // active for 924.5 s
        + "00000000000000000000000000000000" // no label, never used stale
        + "6D616465"; // "made"

    private const string GoldenTombstone =
        "4152569E" + "02" + "01" + "4000"
        + "00202110D70D0600"
        + "00A7B413D70D0600"
        + "0000000000000000" + "0000000000000000" + "0000000000000000"
        + "00000000000000000000000000000000";

    private readonly string _prefix = redis.NewPrefix();

    private IDatabase Database => redis.Database;

    [RedisFact]
    public async Task A_value_lies_in_redis_as_it_always_did()
    {
        var store = StoreRig.On(redis.Connection, _prefix, new RedisScripts(StandingClock));
        await store.Write("key", "made", StoreRig.Fresh(60, interval: 11.5, activeFor: 924.5));
        var bytes = (byte[]?)await Database.StringGetAsync(ValueOf("key"));
        Assert.Equal(GoldenValue, Convert.ToHexString(bytes!));
    }

    [RedisFact]
    public async Task A_tombstone_lies_in_redis_as_it_always_did()
    {
        var store = StoreRig.On(redis.Connection, _prefix, new RedisScripts(StandingClock));
        await store.Invalidate("key", 60);
        var bytes = (byte[]?)await Database.StringGetAsync(ValueOf("key"));
        Assert.Equal(GoldenTombstone, Convert.ToHexString(bytes!));
    }

    [RedisFact]
    public async Task A_value_that_was_stored_by_any_node_is_read_with_its_schedule()
    {
        await Database.StringSetAsync(ValueOf("key"), Convert.FromHexString(GoldenValue));
        var store = StoreRig.On(redis.Connection, _prefix, new RedisScripts(StandingClock));
        var record = (await store.Read("key")).Record!;
        Assert.Equal("made", Encoding.UTF8.GetString(record.Payload!.Bytes!.Value.Span));
        Assert.Equal(1704067200000000, record.Token);
        Assert.Equal(TimeSpan.FromSeconds(60), record.FreshFor);
        Assert.Equal(TimeSpan.FromSeconds(11.5), record.DueIn);
        Assert.Equal(TimeSpan.FromSeconds(924.5), record.ActiveFor);

        // A later claim is newer, and keeps what was learned.
        Assert.True((await store.Claim("key", reason: ClaimReason.Refresh)).Token > record.Token);
        Assert.Equal(TimeSpan.FromSeconds(11.5), (await store.Read("key")).Record!.DueIn);

        await Database.StringSetAsync(ValueOf("removed"), Convert.FromHexString(GoldenTombstone));
        Assert.True((await store.Read("removed")).Record!.IsRemoved);
        Assert.Equal(new TokenCheck(1704067200000000, true), (await store.Store.CheckAsync(["removed"])).Checks[0]);
    }

    [RedisTheory]
    [InlineData("text")]
    [InlineData("short")]
    [InlineData("magic only")]
    [InlineData("version 0")]
    [InlineData("version 1")]
    [InlineData("header length")]
    [InlineData("cut")]
    [InlineData("negative token")]
    [InlineData("token beyond reason")]
    [InlineData("end beyond reason")]
    [InlineData("negative due")]
    public async Task Foreign_bytes_are_a_miss_with_one_warning_and_are_overwritten(string what)
    {
        var bytes = Convert.FromHexString(GoldenValue);
        switch (what)
        {
            case "text":
                bytes = Encoding.UTF8.GetBytes("{\"somebody\":\"else's\", \"and\":\"longer than any header of ours would be\"}");
                break;
            case "short":
                bytes = [1];
                break;
            case "magic only":
                bytes = bytes[..4];
                break;
            case "version 0":
                bytes[4] = 0;
                break;
            case "version 1":
                bytes[4] = 1;
                break;
            case "header length":
                bytes[6] = 49;
                break;
            case "cut":
                bytes = bytes[..63];
                break;
            case "negative token":
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), -1);
                break;
            case "token beyond reason":
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), long.MaxValue);
                break;
            case "end beyond reason":
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), long.MaxValue);
                break;
            case "negative due":
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), -1);
                break;
        }

        await Database.StringSetAsync(ValueOf("key"), bytes);
        var store = StoreRig.On(redis.Connection, _prefix, new RedisScripts(StandingClock));
        await AssertMissAndMade(store, "is no record of a cache");
    }

    [RedisTheory]
    [InlineData(":v", "list")]
    [InlineData(":v", "hash")]
    [InlineData(":s", "list")]
    [InlineData(":s", "string")]
    public async Task A_wrong_type_under_our_names_is_a_miss_with_one_warning_and_is_overwritten(string name, string type)
    {
        RedisKey key = EntryOf("key") + name;
        if (type == "list")
            await Database.ListRightPushAsync(key, "foreign");
        else if (type == "hash")
            await Database.HashSetAsync(key, "foreign", "yes");
        else
            await Database.StringSetAsync(key, "foreign");
        await AssertMissAndMade(StoreRig.On(redis.Connection, _prefix), "of another type");
    }

    [RedisFact]
    public async Task A_wrong_type_hinders_no_batch_and_no_repeat()
    {
        var store = StoreRig.On(redis.Connection, _prefix);
        await Database.ListRightPushAsync(EntryOf("bad") + ":s", "foreign");
        await Database.ListRightPushAsync(EntryOf("bad") + ":v", "foreign");
        var good = (await store.Write("good")).Token;
        Assert.Equal([default, new(good, false)], (await store.Store.CheckAsync(["bad", "good"])).Checks);
        Assert.Equal(RenewOutcome.Lost, (await store.Store.RenewAsync([new("bad", 1)], TimeSpan.FromSeconds(1))).Outcomes[0]);
        await store.Store.TouchAsync([new("bad", TimeSpan.FromSeconds(1))]);
        Assert.True((await store.Release("bad", 1, "failed")).Released);

        var operation = StoreRig.Op();
        await Database.ListRightPushAsync($"{EntryOf("key")}:o:{operation.Node}:{operation.Number}", "foreign");
        Assert.True((await store.Write("key", operation: operation)).Accepted);
        Assert.Equal("value", await store.Text("key"));
    }

    [RedisFact]
    public async Task State_with_nonsense_in_it_is_no_state()
    {
        await Database.HashSetAsync(
            EntryOf("key") + ":s", [new("t", "nan"), new("n", "1e300"), new("c", "-5"), new("l", "inf"), new("d", "x"), new("u", "")]);
        var store = StoreRig.On(redis.Connection, _prefix);
        Assert.Null((await store.Read("key")).Record);
        var claim = await store.Claim("key");
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.True((await store.Commit("key", claim.Token)).Accepted);
        Assert.Equal("value", await store.Text("key"));
    }

    [RedisFact]
    public async Task What_a_later_release_adds_to_the_header_is_passed_over()
    {
        var later = Convert.FromHexString(GoldenValue.Replace("4000", "4300", StringComparison.Ordinal).Replace("6D616465", "ABCDEF" + "6D616465", StringComparison.Ordinal));
        await Database.StringSetAsync(ValueOf("key"), later);
        var store = StoreRig.On(redis.Connection, _prefix, new RedisScripts(StandingClock));

        Assert.Equal("made", await store.Text("key"));
        Assert.Equal(new TokenCheck(1704067200000000, false), (await store.Store.CheckAsync(["key"])).Checks[0]);
        Assert.Empty(store.Log.Lines);
    }

    [RedisTheory]
    [InlineData(3, 0, 99)]
    [InlineData(2, 2, 64)]
    [InlineData(2, 128, 64)]
    public async Task A_value_of_a_newer_version_is_a_miss_and_no_value_made_here_overwrites_it(byte version, byte flags, byte length)
    {
        var newer = Convert.FromHexString(GoldenValue);
        newer[4] = version;
        newer[5] = flags;
        newer[6] = length;
        await Database.StringSetAsync(ValueOf("key"), newer);

        var store = StoreRig.On(redis.Connection, _prefix);
        Assert.Null((await store.Read("key")).Record);
        var claim = await store.Claim("key");
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.True(claim.Token > 1704067200000000);
        Assert.True((await store.Commit("key", claim.Token, "made here", StoreRig.Fresh(60, interval: 5, activeFor: 60))).Accepted);
        Assert.Equal(newer, (byte[]?)await Database.StringGetAsync(ValueOf("key")));
        Assert.Null((await store.Read("key")).Record);
        Assert.Equal(default, (await store.Store.CheckAsync(["key"])).Checks[0]);
        Assert.Single(store.Log.Lines, line => line.Contains("newer version", StringComparison.Ordinal));
        Assert.Single(store.Log.Lines);

        // An explicit change does, and is newer.
        var set = await store.Write("key", "set");
        Assert.True(set.Token > claim.Token);
        Assert.Equal("set", await store.Text("key"));
    }

    private async Task AssertMissAndMade(StoreRig store, string warning)
    {
        Assert.Null((await store.Read("key")).Record);
        Assert.Null((await store.Read("key")).Record);
        Assert.Equal(default, (await store.Store.CheckAsync(["key"])).Checks[0]);
        var claim = await store.Claim("key");
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.Equal(ClaimOutcome.Held, (await store.Claim("key", "b")).Outcome);
        Assert.True((await store.Commit("key", claim.Token, "ours")).Accepted);
        Assert.Equal("ours", await store.Text("key"));
        Assert.Equal("Warning", Assert.Single(store.Log.Lines).Split(':')[0]);
        Assert.Contains(warning, store.Log.Lines.First(), StringComparison.Ordinal);
    }

    private string EntryOf(string key) => $"{_prefix}:{{:{key}}}";

    private RedisKey ValueOf(string key) => EntryOf(key) + ":v";
}
