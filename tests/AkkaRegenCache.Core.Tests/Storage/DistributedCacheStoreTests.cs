using System.Buffers.Binary;
using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Caching.Distributed;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>What a store over a distributed cache must do beyond the contract: several processes, and what lies under its keys.</summary>
public sealed class DistributedCacheStoreTests
{
    private const string Key = "key";
    private const string Name = "arc:cache:key";

    private readonly VirtualTimeProvider _clock = new();
    private readonly FakeCache _cache;
    private readonly ListLogger<DistributedCacheStore> _log = new();
    private readonly Process _one;
    private readonly Process _two;

    public DistributedCacheStoreTests()
    {
        _cache = new FakeCache(_clock);
        _one = Start();
        _two = Start();
    }

    [Fact]
    public async Task Another_process_finds_the_value_fresh_with_its_schedule_and_does_not_generate()
    {
        var token = await _one.Generate("value", interval: 5, activeFor: 60);
        _clock.Advance(TimeSpan.FromSeconds(1));

        var claim = await _two.Claim();
        Assert.Equal(ClaimOutcome.Fresh, claim.Outcome);
        Assert.Equal("value", Text(claim.Record));
        Assert.Equal(token, claim.Record!.Token);
        Assert.Equal(TimeSpan.FromSeconds(9), claim.Record.FreshFor);
        Assert.Equal(TimeSpan.FromSeconds(4), claim.Record.DueIn);
        Assert.Equal(TimeSpan.FromSeconds(59), claim.Record.ActiveFor);

        var read = await Start().Read();
        Assert.Equal("value", Text(read));
        Assert.Equal(token, read!.Token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_reported_of_a_key_that_is_not_there(bool withBuffers)
    {
        var cache = withBuffers ? new FakeBufferCache(_clock) : new FakeCache(_clock);
        var process = new Process(new DistributedCacheStore(cache, _clock, _log), "one");
        await process.Read();
        await process.Check();
        await process.Generate("value", ClaimReason.Miss);
        await process.Invalidate();
        Assert.Empty(_log.Messages);
    }

    [Fact]
    public async Task The_schedule_goes_on_in_another_process_on_the_same_grid()
    {
        await _one.Generate("value", interval: 5, activeFor: 60);
        _clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(ClaimOutcome.Fresh, (await _two.Claim(ClaimReason.Due)).Outcome);
        _clock.Advance(TimeSpan.FromSeconds(3));
        var token = (await _two.Claim(ClaimReason.Due)).Token;
        var commit = await _two.Commit(token, "second", interval: 5, activeFor: 60);
        Assert.Equal(TimeSpan.FromSeconds(3), commit.DueIn);

        // And the first finds it done.
        var claim = await _one.Claim(ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Fresh, claim.Outcome);
        Assert.Equal("second", Text(claim.Record));
    }

    [Fact]
    public async Task A_change_in_another_process_supersedes_the_generation_that_began_before_it()
    {
        foreach (var removes in (bool[])[true, false])
        {
            var token = (await _one.Claim(ClaimReason.Refresh)).Token;
            var changed = removes ? await _two.Invalidate() : await _two.Write("set");

            var late = await _one.Commit(token, "generated before");
            Assert.False(late.Accepted);
            Assert.Equal(changed.Token, late.Token);
            Assert.Equal(removes ? null : "set", Text(await _one.Read()));
            Assert.Equal(changed.Token, (await _one.Check()).Token);
        }
    }

    [Fact]
    public async Task Tokens_go_up_across_processes_also_where_a_clock_is_behind()
    {
        var token = await _one.Generate("value");
        var behind = new Process(new DistributedCacheStore(_cache, new VirtualTimeProvider(_clock.GetUtcNow().AddSeconds(-3))), "behind");

        var write = await behind.Write("newer");
        Assert.True(write.Token > token);
        Assert.Equal("newer", Text(await _one.Read()));
        Assert.True((await _one.Claim(ClaimReason.Refresh)).Token > write.Token);
    }

    [Fact]
    public async Task Of_two_processes_that_generate_at_once_the_later_commit_is_rejected()
    {
        var first = (await _one.Claim()).Token;
        var second = (await _two.Claim()).Token;
        Assert.True((await _two.Commit(second, "two")).Accepted);
        Assert.False((await _one.Commit(first, "one")).Accepted);
        Assert.Equal("two", Text(await _one.Read()));
    }

    [Fact]
    public async Task A_newer_value_that_an_older_one_overwrote_by_a_race_counts_as_missing_and_all_meet_at_the_next()
    {
        await _two.Generate("older");
        var older = _cache.Peek(Name)!;
        var newer = (await _one.Write("newer")).Token;
        _cache.Put(Name, older);

        Assert.Null(await _one.Read());
        var claim = await _one.Claim();
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.True(claim.Token > newer);
        Assert.True((await _one.Commit(claim.Token, "newest")).Accepted);
        Assert.Equal("newest", Text(await _two.Read()));
    }

    [Fact]
    public async Task A_tombstone_that_an_older_value_overwrote_by_a_race_is_put_back()
    {
        await _two.Generate("older");
        var older = _cache.Peek(Name)!;
        var removed = (await _one.Invalidate()).Token;
        _cache.Put(Name, older);

        Assert.True((await _one.Read())!.IsRemoved);
        Assert.Equal(removed, (await _two.Read())!.Token);
        Assert.True((await Start().Read())!.IsRemoved);
    }

    [Fact]
    public async Task A_value_that_the_cache_dropped_is_gone_and_can_be_made_again()
    {
        var token = await _one.Generate("value", interval: 5, activeFor: 60);
        _cache.Drop(Name);
        Assert.Null(await _one.Read());
        Assert.Equal(0, (await _one.Check()).Token);
        Assert.True(await _one.Generate("again", ClaimReason.Miss) > token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_record_that_has_ended_but_still_lies_there_hinders_nobody(bool isNewer)
    {
        var before = await _two.Generate("ended");
        var record = _cache.Peek(Name)!;
        _clock.Advance(TimeSpan.FromSeconds(20));
        _cache.Put(Name, isNewer ? MakeNewer(record) : record);
        _cache.Before = (_, _) =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            return null;
        };

        Assert.Null(await _one.Read());
        var token = await _one.Generate("next", ClaimReason.Miss);
        Assert.True(token > before);
        Assert.Equal("next", Text(await _one.Read()));
    }

    [Fact]
    public async Task The_cache_is_told_to_drop_what_has_ended()
    {
        await _one.Generate("value", interval: 5, activeFor: 600);
        Assert.InRange(_cache.EndOf(Name), _clock.GetUtcNow().AddSeconds(10), _clock.GetUtcNow().AddSeconds(12));
        await _one.Invalidate();
        Assert.InRange(_cache.EndOf(Name), _clock.GetUtcNow().AddSeconds(20), _clock.GetUtcNow().AddSeconds(22));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("some other application's value that is long enough to hold a header of ours")]
    [InlineData("ARCR and then something else that is long enough to hold a header of ours")]
    public async Task Foreign_bytes_are_a_miss_with_one_warning_and_are_overwritten(string bytes)
    {
        _cache.Put(Name, Encoding.UTF8.GetBytes(bytes));
        _cache.Put("arc:cache:another", Encoding.UTF8.GetBytes(bytes));

        Assert.Null(await _one.Read());
        Assert.Null(await _one.Read("another"));
        Assert.Equal(0, (await _one.Check()).Token);
        await _one.Generate("ours", ClaimReason.Miss);
        Assert.Equal("ours", Text(await _two.Read()));
        Assert.Contains(Name, Assert.Single(_log.Messages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_garbled_header_is_ever_an_exception()
    {
        await _one.Generate("value", interval: 5, activeFor: 60);
        var good = _cache.Peek(Name)!;
        var random = new Random(17);
        for (var i = 0; i < 20_000; i++)
        {
            var bad = good.AsSpan(0, random.Next(good.Length + 1)).ToArray();
            for (var n = random.Next(4); n > 0 && bad.Length > 0; n--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            var process = Start();
            _cache.Put(Name, bad);
            await process.Read();
            await process.Claim(ClaimReason.Due);
            if (i % 10 == 0)
                Assert.True((await process.Write("over it")).Accepted || bad.Length > 0);
        }
    }

    [Fact]
    public async Task A_newer_format_is_a_miss_with_one_warning_and_a_generated_value_does_not_overwrite_it()
    {
        var token = await _two.Generate("value");
        var newer = MakeNewer(_cache.Peek(Name)!);
        _cache.Put(Name, newer);
        _cache.Put("arc:cache:another", newer);

        Assert.Null(await _one.Read());
        Assert.Null(await _one.Read("another"));
        var claim = await _one.Claim();
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.True(claim.Token > token);
        Assert.True((await _one.Commit(claim.Token, "here only")).Accepted);

        // It is kept here, shown here, and nowhere else.
        Assert.Same(newer, _cache.Peek(Name));
        Assert.Equal("here only", Text(await _one.Read()));
        Assert.Equal("here only", Text((await _one.Claim()).Record));
        Assert.Equal("here only", Text((await _one.Claim(ClaimReason.Due)).Record));
        Assert.Contains("newer version", Assert.Single(_log.Messages), StringComparison.Ordinal);
        Assert.Null(await _two.Read());
    }

    [Fact]
    public async Task A_value_kept_beside_a_newer_format_yields_when_that_changes()
    {
        var token = await _two.Generate("value");
        _cache.Put(Name, MakeNewer(_cache.Peek(Name)!));
        await _one.Generate("here only", ClaimReason.Miss);
        var claim = (await _one.Claim(ClaimReason.Refresh)).Token;

        var changed = MakeNewer(_cache.Peek(Name)!);
        BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(8), claim + 1_000_000);
        _cache.Put(Name, changed);
        Assert.Null(await _one.Read());
        Assert.False((await _one.Commit(claim, "late")).Accepted);
        Assert.True(await _one.Generate("here again", ClaimReason.Miss) > claim + 1_000_000);
        Assert.True(claim > token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_set_or_a_removal_overwrites_a_newer_format_with_a_newer_token(bool removes)
    {
        await _two.Generate("value");
        var newer = MakeNewer(_cache.Peek(Name)!);
        var token = BinaryPrimitives.ReadInt64LittleEndian(newer.AsSpan(8)) + 10_000_000;
        BinaryPrimitives.WriteInt64LittleEndian(newer.AsSpan(8), token);
        _cache.Put(Name, newer);

        var changed = removes ? await _one.Invalidate() : await _one.Write("set");
        Assert.True(changed.Accepted);
        Assert.Equal(token + 1, changed.Token);
        Assert.Equal(changed.Token, (await _two.Read())!.Token);
    }

    [Fact]
    public async Task The_wall_clock_may_be_set_without_ending_or_prolonging_what_others_stored()
    {
        var clock = new SteppingClock(_clock);
        var stepped = new Process(new DistributedCacheStore(_cache, clock), "stepped");
        clock.Step = TimeSpan.FromHours(-1);
        await stepped.Read();
        clock.Step = TimeSpan.Zero;

        // As after a suspended machine: the monotonic clock stands where it stood, the wall clock is right.
        clock.Lag = TimeSpan.FromHours(1);
        await _two.Generate("value");
        Assert.Equal(TimeSpan.FromSeconds(10), (await stepped.Read())!.FreshFor);
        await stepped.Write("newer");
        Assert.Equal(TimeSpan.FromSeconds(10), (await _two.Read())!.FreshFor);
    }

    [Fact]
    public async Task A_look_at_a_header_fetches_no_array_where_the_cache_knows_buffers()
    {
        var cache = new FakeBufferCache(_clock);
        var process = new Process(new DistributedCacheStore(cache, _clock), "one");
        await process.Generate(new string('x', 1_000_000), interval: 1, activeFor: 60);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await process.Generate(new string('y', 1_000_000), ClaimReason.Due, interval: 1, activeFor: 60);
        await process.Check();
        Assert.InRange(cache.LongestArray, 0, 100);
        Assert.Equal(1_000_000, Text(await process.Read())!.Length);
    }

    [Fact]
    public async Task A_value_that_is_not_serialized_is_a_clear_error()
    {
        var error = await Assert.ThrowsAsync<ArgumentException>(async () => await _one.Store.WriteAsync(new WriteRequest
        {
            Key = Key, Operation = new OperationId("n", 1), Payload = CachePayload.FromValue(new object(), 1), Schedule = Process.Epoch(),
        }));
        Assert.Contains("'key'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_ended_is_let_go_of()
    {
        var store = new DistributedCacheStore(_cache, _clock);
        for (var i = 0; i < 100; i++)
            await new Process(store, "n", whole: true).Generate("value", interval: 5, activeFor: 30, key: $"key{i}");
        Assert.Equal(100, store.Count);
        Assert.Equal(0, store.KeysInUse);
        _clock.Advance(TimeSpan.FromSeconds(40));
        for (var i = 0; i < 40; i++)
            await store.ReleaseAsync(new ReleaseRequest { Key = "unknown", Operation = new OperationId("n", i), Token = 1 });
        Assert.Equal(0, store.Count);
    }

    private static byte[] MakeNewer(byte[] record)
    {
        var newer = record.ToArray();
        newer[4] = 3;
        newer.AsSpan(24).Fill(0xEE);
        return newer;
    }

    private static string? Text(StoreRecord? record) =>
        record?.Payload?.Bytes is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    private Process Start() => new(new DistributedCacheStore(_cache, _clock, _log), Guid.NewGuid().ToString());

    /// <summary>A clock whose wall time can be set, and whose monotonic time can stand still for a while.</summary>
    private sealed class SteppingClock(VirtualTimeProvider inner) : TimeProvider
    {
        public TimeSpan Step { get; set; }

        public TimeSpan Lag { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Step;

        public override long GetTimestamp() => inner.GetTimestamp() - Lag.Ticks;
    }
}
