using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

public abstract partial class ExternalStoreContract
{
    [SharedFact]
    public async Task Of_an_unknown_key_there_is_nothing()
    {
        Assert.Null(await Read());
        Assert.Equal(default, await CheckOne());
    }

    [SharedFact]
    public async Task A_committed_value_is_read_with_its_token_its_life_and_its_schedule()
    {
        var token = await Granted();
        var answer = await Commit(token, "made", Fresh(10, interval: 8, activeFor: 60));
        Assert.True(answer.Accepted);
        Assert.Equal(token, answer.Token);
        AssertNear(8, answer.DueIn);
        AssertNear(60, answer.ActiveFor);

        await Advance(2);
        var record = await Read();
        Assert.Equal("made", Text(record));
        Assert.False(record!.IsRemoved);
        Assert.Equal(token, record.Token);
        AssertNear(8, record.FreshFor);
        AssertNear(6, record.DueIn);
        AssertNear(58, record.ActiveFor);
    }

    [SharedFact]
    public async Task A_value_ends_with_its_life_and_not_before()
    {
        await Generate(schedule: Fresh(2));
        await Advance(1.8);
        await AssertShows("value");
        await Advance(0.3);
        await AssertShows(null);
        Assert.Equal(default, await CheckOne());
    }

    [SharedFact]
    public async Task A_written_value_ends_with_its_life()
    {
        await Write(schedule: Fresh(2));
        await Advance(1.8);
        await AssertShows("value");
        await Advance(0.3);
        await AssertShows(null);
    }

    [SharedTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10_000_000)]
    public async Task Values_of_any_size_are_values(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var commit = await Store.CommitAsync(new CommitRequest
        {
            Key = Key,
            Operation = Op(),
            Token = await Granted(),
            Payload = CachePayload.FromBytes(bytes),
            Schedule = Fresh(10),
        });
        Assert.True(commit.Accepted);
        await AssertHolds("commit");

        await Store.WriteAsync(new WriteRequest
        {
            Key = "written", Operation = Op(), Payload = CachePayload.FromBytes(bytes), Schedule = Fresh(10),
        });
        await AssertHolds("write", "written");
        Assert.Equal(ClaimOutcome.Fresh, (await Claim()).Outcome);

        async Task AssertHolds(string by, string key = Key)
        {
            var record = await Read(key);
            Assert.True(record is { IsRemoved: false }, by);
            Assert.True(record.Payload!.Bytes!.Value.Span.SequenceEqual(bytes), by);
            Assert.Equal(length, record.Payload.Size);
        }
    }

    [SharedFact]
    public async Task Objects_are_kept_as_they_are_where_the_store_keeps_objects_and_only_there()
    {
        var value = new object();
        var payload = Store.StoresObjects ? CachePayload.FromValue(value, 64) : CachePayload.FromValue(value, 64, new byte[] { 7 });
        await Store.WriteAsync(new WriteRequest { Key = Key, Operation = Op(), Payload = payload, Schedule = Fresh(10) });

        var read = (await Read())!.Payload!;
        if (Store.StoresObjects)
        {
            Assert.Same(value, read.Value);
        }
        else
        {
            Assert.False(read.HasValue);
            Assert.Equal([7], read.Bytes!.Value.ToArray());
        }
    }

    [SharedFact]
    public async Task Keys_are_told_apart_by_every_character()
    {
        string[] keys =
        [
            "k", "K", "k ", "k:", ":k", "k:k", "k/k", "{k}",
            "ключ", "鍵", "\U0001F511", "a\nb", "a\0b", new('x', 1024), new('x', 1023),
        ];
        foreach (var key in keys)
            await Write("of " + key, key: key);
        foreach (var key in keys)
            await AssertShows("of " + key, key: key);
    }

    [SharedTheory]
    [InlineData("one", "two")]
    [InlineData("one", "ONE")]
    [InlineData("a", "a:b")]
    [InlineData("a:b", "a%3Ab")]
    public async Task Caches_of_different_names_never_meet(string first, string second)
    {
        var one = Store.ForCache(first);
        var two = Store.ForCache(second);
        var write = new WriteRequest { Key = "b:c", Operation = new OperationId("node", 1), Payload = Payload("value"), Schedule = Fresh(10) };
        Assert.True((await one.WriteAsync(write)).Accepted);

        foreach (var key in (string[])["b:c", "c", "b", "a:b:c"])
            Assert.Null((await two.ReadAsync(new ReadRequest { Key = key })).Record);
        Assert.Null(await Read("b:c"));
        Assert.NotNull((await Store.ForCache(first).ReadAsync(new ReadRequest { Key = "b:c" })).Record);

        // An operation of one is not a repeat in the other.
        Assert.True((await two.WriteAsync(write)).Accepted);
        Assert.NotNull((await two.ReadAsync(new ReadRequest { Key = "b:c" })).Record);
    }

    [SharedFact]
    public async Task A_cache_and_one_of_the_same_name_share_claims()
    {
        var request = new ClaimRequest { Key = Key, Operation = Op(), Owner = "a", Lease = Unit };
        Assert.Equal(ClaimOutcome.Granted, (await Store.ForCache("one").ClaimAsync(request)).Outcome);
        request = new ClaimRequest { Key = Key, Operation = Op(), Owner = "b", Lease = Unit };
        Assert.Equal(ClaimOutcome.Held, (await Store.ForCache("one").ClaimAsync(request)).Outcome);
        Assert.Equal(ClaimOutcome.Granted, (await Store.ForCache("two").ClaimAsync(request)).Outcome);
    }

    [SharedFact]
    public async Task Many_keys_are_held_apart()
    {
        var keys = Enumerable.Range(0, 500).Select(i => $"many-{i}").ToArray();
        var tokens = new List<long>();
        foreach (var some in keys.Chunk(25))
            tokens.AddRange(await Task.WhenAll(some.Select(async key => (await Generate("of " + key, key: key)).Token)));

        foreach (var (key, token) in keys.Zip(tokens))
            await AssertShows("of " + key, token, key);
        var checks = (await Store.CheckAsync(keys)).Checks;
        Assert.Equal(tokens, checks.Select(c => c.Token));
    }

    [SharedFact]
    public async Task Checks_tell_the_tokens_in_the_order_of_the_keys()
    {
        var value = (await Write(key: "value")).Token;
        var removed = (await Invalidate(key: "removed")).Token;
        await Granted(key: "claimed");

        var answer = await Store.CheckAsync(["removed", "nothing", "claimed", "value", "removed"]);
        Assert.Equal([new(removed, true), default, default, new(value, false), new(removed, true)], answer.Checks);
        Assert.Empty((await Store.CheckAsync([])).Checks);
    }

    [SharedFact]
    public async Task All_answers_tell_the_same_life()
    {
        var read = (await Store.ReadAsync(new ReadRequest { Key = Key })).Epoch;
        var claim = await Claim();
        var commit = await Commit(claim.Token);
        string[] lives =
        [
            claim.Epoch,
            commit.Epoch,
            (await Commit(claim.Token)).Epoch,
            (await Write()).Epoch,
            (await Invalidate()).Epoch,
            (await Store.RenewAsync([], Unit)).Epoch,
            (await Store.TouchAsync([])).Epoch,
            (await Store.CheckAsync([])).Epoch,
            (await Claim()).Epoch,
            (await Claim(owner: "b")).Epoch,
        ];
        Assert.NotEmpty(read);
        Assert.All(lives, life => Assert.Equal(read, life));
    }
}
