using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>What is Redis' own: names, lives in Redis, round trips, input that others would choke on.</summary>
public sealed class RedisStoreTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    private readonly string _prefix = redis.NewPrefix();

    private StoreRig Rig() => StoreRig.On(redis.Connection, _prefix);

    private RedisKey[] Keys() => [.. redis.Connection.GetServer(redis.Connection.GetEndPoints()[0]).Keys(pattern: _prefix + ":*")];

    [RedisTheory]
    [InlineData("key")]
    [InlineData("{key}")]
    [InlineData("}{")]
    [InlineData("a}b{c}")]
    [InlineData("{}")]
    [InlineData("ключ\0}")]
    public async Task All_keys_of_an_entry_are_in_one_slot(string key)
    {
        foreach (var store in (IExternalStore[])[Rig().Store, Rig().Store.ForCache("cat{al}og"), Rig().Store.ForCache("}")])
        {
            var rig = new StoreRig((RedisStore)store, new LogList());
            var before = Keys();
            var token = (await rig.Claim(key)).Token;
            await rig.Commit(key, token);
            var own = Keys().Except(before).Where(name => !((string)name!).EndsWith(":epoch", StringComparison.Ordinal)).ToArray();
            Assert.Equal(4, own.Length);
            Assert.Single(own.Select(name => redis.Connection.HashSlot(name)).Distinct());
            Assert.Equal("value", await rig.Text(key));
        }
    }

    [RedisFact]
    public async Task Names_that_look_alike_when_written_are_told_apart()
    {
        var rig = Rig();
        string[] keys = ["}", "%7D", "%257D", "{", "%7B", "k}:s", "k", "k}:o:node:1"];
        foreach (var key in keys)
            await rig.Write(key, "of " + key);
        foreach (var key in keys)
            Assert.Equal("of " + key, await rig.Text(key));
    }

    [RedisFact]
    public async Task A_claim_that_finds_a_value_writes_nothing()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, _prefix);
        await rig.Commit("key", (await rig.Claim("key")).Token, schedule: StoreRig.Fresh(60, interval: 50, activeFor: 40));
        var before = await WritesAsync();

        for (var i = 0; i < 10; i++)
            Assert.Equal(ClaimOutcome.Fresh, (await rig.Claim("key", owner: $"newcomer {i}")).Outcome);

        Assert.Equal(before, await WritesAsync());

        async Task<string> WritesAsync() =>
            (await link.Admin.InfoAsync("persistence")).SelectMany(group => group).Single(pair => pair.Key == "rdb_changes_since_last_save").Value;
    }

    [RedisFact]
    public async Task A_key_that_is_no_text_is_refused_by_name()
    {
        var rig = Rig();
        var error = await Assert.ThrowsAsync<ArgumentException>(async () => await rig.Write("a\ud800"));
        Assert.Contains("lone surrogate", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await rig.Read("\udc00"));
    }

    [RedisFact]
    public async Task Everything_has_a_life_in_redis_but_the_life_itself()
    {
        var rig = Rig();
        await rig.Write("written", schedule: StoreRig.Fresh(60, interval: 30, activeFor: 600));
        await rig.Invalidate("removed");
        await rig.Release("failed", (await rig.Claim("failed")).Token, "it broke");
        await rig.Claim("claimed");
        await rig.Store.TouchAsync([new("written", TimeSpan.FromSeconds(1200))]);

        var immortal = new List<string>();
        foreach (var key in Keys())
        {
            if (await redis.Database.KeyTimeToLiveAsync(key) is null)
                immortal.Add(key!);
        }

        Assert.Equal([_prefix + ":epoch"], immortal);

        // The schedule outlives the value, as long as the key is active.
        var left = await redis.Database.KeyTimeToLiveAsync($"{_prefix}:{{:written}}:s");
        Assert.InRange(left!.Value.TotalSeconds, 1100, 1201);
        Assert.InRange((await redis.Database.KeyTimeToLiveAsync($"{_prefix}:{{:written}}:v"))!.Value.TotalSeconds, 1, 61);
    }

    [RedisFact]
    public async Task A_read_is_one_command_and_so_is_every_other_operation()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        await Round("warm up");
        var before = await Calls();
        await rig.Read("warm up");
        await rig.Read("nothing");
        Assert.Equal(before + 2, await Calls());

        // read, claim, commit, write, invalidate, release, renew, touch, check
        await Round("key");
        Assert.Equal(before + 2 + 9, await Calls());

        async Task Round(string key)
        {
            await rig.Read(key);
            var token = (await rig.Claim(key)).Token;
            await rig.Commit(key, token);
            await rig.Write(key);
            await rig.Invalidate(key);
            await rig.Release(key, token);
            await rig.Store.RenewAsync([new(key, token), new("b", 1)], TimeSpan.FromSeconds(1));
            await rig.Store.TouchAsync([new(key, TimeSpan.FromSeconds(1)), new("b", TimeSpan.FromSeconds(1))]);
            await rig.Store.CheckAsync([key, "b", "c"]);
        }

        // What the client sends besides (its pings) and what a script calls isn't counted.
        async Task<long> Calls()
        {
            var info = await link.Admin.InfoAsync("commandstats");
            return info.SelectMany(group => group)
                .Where(line => line.Key is "cmdstat_evalsha" or "cmdstat_eval")
                .Sum(line => long.Parse(line.Value.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    [RedisFact]
    public async Task Durations_of_any_length_are_taken()
    {
        var rig = Rig();
        var longest = new StoreSchedule
        {
            FreshFor = TimeSpan.MaxValue,
            Interval = TimeSpan.MaxValue,
            ActiveFor = TimeSpan.MaxValue,
            MinimumForward = TimeSpan.MaxValue,
        };
        Assert.True((await rig.Write("long", schedule: longest)).DueIn > TimeSpan.FromDays(10_000));
        Assert.Equal("value", await rig.Text("long"));
        var refresh = await rig.Claim("long", lease: 1e9, reason: ClaimReason.Refresh);
        Assert.True((await rig.Commit("long", refresh.Token, schedule: longest)).Accepted);

        var negative = new StoreSchedule
        {
            FreshFor = TimeSpan.MinValue,
            Interval = TimeSpan.MinValue,
            ActiveFor = TimeSpan.MinValue,
            MinimumForward = TimeSpan.MinValue,
        };
        var written = await rig.Write("never", schedule: negative);
        Assert.True(written.Accepted);
        Assert.Null(written.DueIn);
        Assert.Null((await rig.Read("never")).Record);
        var claim = await rig.Claim("never", lease: -5);
        Assert.True(claim.Token > written.Token);
        Assert.False((await rig.Commit("never", claim.Token)).Accepted);
        await rig.Store.TouchAsync([new("never", TimeSpan.MinValue), new("long", TimeSpan.MaxValue)]);
        Assert.Equal(RenewOutcome.Lost, (await rig.Store.RenewAsync([new("never", claim.Token)], TimeSpan.MinValue)).Outcomes[0]);
        Assert.True((await rig.Invalidate("never", -1)).Accepted);
        Assert.Null((await rig.Read("never")).Record);

        // Shorter than the clock's step is not nothing.
        var short_ = new StoreSchedule { FreshFor = TimeSpan.FromSeconds(60), Interval = TimeSpan.FromTicks(1) };
        Assert.NotNull((await rig.Write("short", schedule: short_)).DueIn);
    }

    [RedisFact]
    public async Task Tokens_that_cannot_be_are_no_ones()
    {
        var rig = Rig();
        await rig.Claim("key");
        foreach (var token in (long[])[0, -1, long.MinValue, long.MaxValue])
        {
            Assert.False((await rig.Commit("key", token)).Accepted);
            Assert.Equal(RenewOutcome.Lost, (await rig.Store.RenewAsync([new("key", token)], TimeSpan.FromSeconds(1))).Outcomes[0]);
        }
    }

    [RedisFact]
    public async Task Batches_of_any_size_come_back_in_order()
    {
        var rig = Rig();
        var keys = Enumerable.Range(0, 1001).Select(i => $"key{i}").ToArray();
        var tokens = await Task.WhenAll(keys.Select(async key => (await rig.Claim(key)).Token));
        var lost = tokens.Select((token, i) => new HeldClaim(keys[i], i % 3 == 0 ? token + 1 : token)).ToArray();
        var answer = await rig.Store.RenewAsync(lost, TimeSpan.FromSeconds(120));
        Assert.Equal(keys.Select((_, i) => i % 3 == 0 ? RenewOutcome.Lost : RenewOutcome.Held), answer.Outcomes);

        var committed = await Task.WhenAll(keys.Select(async (key, i) => (await rig.Commit(key, tokens[i])).Token));
        Assert.Equal(committed, (await rig.Store.CheckAsync(keys)).Checks.Select(check => check.Token));
    }

    [RedisFact]
    public async Task Two_caches_and_two_prefixes_never_meet_in_one_redis()
    {
        var one = Rig();
        var other = StoreRig.On(redis.Connection, _prefix + "other");
        var parts = new[] { one.Store.ForCache("catalog"), one.Store.ForCache("prices"), other.Store.ForCache("catalog") }
            .Select(part => new StoreRig((RedisStore)part, new LogList())).ToArray();
        foreach (var part in parts)
            Assert.Equal(ClaimOutcome.Granted, (await part.Claim("key")).Outcome);
        await parts[0].Write("key", "of catalog");
        await parts[1].Write("key", "of prices");
        await parts[1].Invalidate("key");
        Assert.Equal("of catalog", await parts[0].Text("key"));
        Assert.Null((await parts[2].Read("key")).Record);
    }

    [RedisFact]
    public async Task By_its_own_clock_a_claim_ends_and_what_is_over_is_gone_from_redis()
    {
        var rig = Rig();
        var claim = await rig.Claim("key", lease: 0.3);
        await rig.Write("written", schedule: StoreRig.Fresh(0.3));
        await Eventually.Holds(async () => (await rig.Claim("key", "b", lease: 0.3)).Outcome == ClaimOutcome.Granted, "the lease ends");
        Assert.False((await rig.Commit("key", claim.Token)).Accepted);
        await Eventually.Holds(async () => (await rig.Read("written")).Record is null, "the value ends");
        await Eventually.Holds(() => Keys().Length == 1, "nothing stays but the epoch");
    }
}
