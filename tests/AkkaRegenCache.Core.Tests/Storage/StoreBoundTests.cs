using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>C21: what a store in this process holds is bounded; what goes first; and that nothing else breaks by it.</summary>
public sealed class StoreBoundTests
{
    private const int Size = 1000;
    private static readonly StoreSchedule s_schedule = new() { FreshFor = TimeSpan.FromHours(1), Interval = TimeSpan.FromMinutes(1), ActiveFor = TimeSpan.FromMinutes(10) };

    private long _now = TimeSpan.TicksPerDay;
    private int _operations;

    [Fact]
    public void No_more_is_held_than_fits_and_what_was_asked_for_stays()
    {
        var bound = new StoreBound(100, long.MaxValue);
        var machine = New(bound);
        for (var i = 0; i < 10; i++)
            Write(machine, $"hot {i}");
        for (var i = 0; i < 5000; i++)
        {
            Write(machine, $"cold {i}");
            machine.Read(new ReadRequest { Key = $"hot {i % 10}" }, _now);
            Assert.InRange(bound.RecordCount, 0, 100);
        }

        Assert.All(Enumerable.Range(0, 10), i => Assert.NotNull(machine.Read(new ReadRequest { Key = $"hot {i}" }, _now).Record));
        Assert.Equal(100, bound.RecordCount);
    }

    [Fact]
    public void Bytes_are_bounded_as_well_and_what_is_larger_than_all_room_is_not_kept()
    {
        var bound = new StoreBound(long.MaxValue, 20 * (Size + 300));
        var machine = New(bound);
        for (var i = 0; i < 1000; i++)
        {
            Write(machine, $"key {i}");
            Assert.InRange(bound.Bytes, 0, 20 * (Size + 300));
        }

        Write(machine, "huge", 1_000_000);
        Assert.Null(machine.Read(new ReadRequest { Key = "huge" }, _now).Record);
        Assert.InRange(bound.Bytes, 0, 20 * (Size + 300));
    }

    [Fact]
    public void What_has_gone_is_as_if_it_had_never_been_but_for_its_token()
    {
        var machine = New(new StoreBound(1, long.MaxValue));
        var first = Write(machine, "key");
        Write(machine, "other");
        Assert.Null(machine.Read(new ReadRequest { Key = "key" }, _now).Record);
        Assert.Equal(0, machine.Check(["key"], _now).Checks[0].Token);

        // Its clock stands: the number comes from what is remembered.
        var claim = Claim(machine, "key");
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.True(claim.Token > first.Token);
    }

    [Fact]
    public void What_is_being_made_again_stays_and_its_commit_is_accepted()
    {
        var machine = New(new StoreBound(2, long.MaxValue));
        Write(machine, "key");
        _now += TimeSpan.TicksPerMinute;
        var claim = Claim(machine, "key", ClaimReason.Due);
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        for (var i = 0; i < 100; i++)
            Write(machine, $"cold {i}");

        Assert.NotNull(machine.Read(new ReadRequest { Key = "key" }, _now).Record);
        var commit = new CommitRequest { Key = "key", Operation = Next(), Token = claim.Token, Payload = Value(Size), Schedule = s_schedule };
        Assert.True(machine.Commit(commit, _now).Accepted);
    }

    [Fact]
    public void Machines_share_a_bound_and_one_that_is_left_counts_no_longer()
    {
        var bound = new StoreBound(10, long.MaxValue);
        var machines = new[] { New(bound), New(bound) };
        for (var i = 0; i < 100; i++)
            Write(machines[i % 2], $"key {i}");
        Assert.InRange(bound.RecordCount, 1, 10);
        machines[0].Leave();
        machines[1].Leave();
        Assert.Equal((0, 0), (bound.RecordCount, bound.Bytes));
    }

    [Fact]
    public void What_ends_or_is_removed_makes_room()
    {
        var bound = new StoreBound(10, long.MaxValue);
        var machine = New(bound);
        for (var i = 0; i < 10; i++)
            Write(machine, $"key {i}");
        machine.Invalidate(new InvalidateRequest { Key = "key 0", Operation = Next(), TombstoneFor = TimeSpan.FromMinutes(1) }, _now);
        Assert.Equal(9, bound.RecordCount);
        _now += TimeSpan.TicksPerDay;
        for (var i = 0; i < 10; i++)
            machine.Write(new WriteRequest { Key = "again", Operation = Next(), Payload = Value(Size), Schedule = s_schedule }, _now);
        Assert.Equal(1, bound.RecordCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_flood_of_keys_leaves_no_more_than_a_bounded_part_of_itself_behind(bool isShared)
    {
        // Scheduled for ten minutes each, as by default; and each once.
        const int Flood = 50_000;
        var options = new RegenCacheOptions { MaximumEntries = 1000 };
        await using var cache = new RegenCache("flood", options, isShared ? new InMemoryStore(storesObjects: false, maximumRecords: 1000) : null);
        for (var i = 0; i < Flood; i++)
            await cache.GetOrCreateAsync($"{i}", i, static (value, _) => new ValueTask<int>(value));
        Assert.InRange(cache.MemoryEntries, 1, 1000);
        Assert.InRange(cache.Shell.Agent.KeyCount, 1, 2010);
    }

    [Fact]
    public async Task What_a_cache_of_one_process_shows_is_not_lost_to_keys_that_come_and_go()
    {
        var time = new AkkaRegenCache.Testing.Time.VirtualTimeProvider();
        await using var cache = new RegenCache("hot", new RegenCacheOptions { MaximumEntries = 100 }, timeProvider: time);
        var passive = new RegenEntryOptions { RegenerationInterval = TimeSpan.FromHours(1), InactiveRetention = TimeSpan.Zero };
        var runs = 0;
        for (var i = 0; i < 5000; i++)
        {
            await cache.GetOrCreateAsync("hot", _ => new ValueTask<int>(++runs), passive);
            await cache.GetOrCreateAsync($"cold {i}", i, static (value, _) => new ValueTask<int>(value), passive);

            // All that memory shows is compared with the store once a minute.
            if (i % 100 == 0)
                time.Advance(TimeSpan.FromSeconds(30));
        }

        Assert.Equal(1, runs);
    }

    private static StoreMachine New(StoreBound bound) => new("life", TimeSpan.FromSeconds(10), storesObjects: true, bound);

    private static CachePayload Value(int size) => CachePayload.FromValue(new object(), size);

    private OperationId Next() => new("test", ++_operations);

    private ChangeAnswer Write(StoreMachine machine, string key, int size = Size) =>
        machine.Write(new WriteRequest { Key = key, Operation = Next(), Payload = Value(size), Schedule = s_schedule }, _now);

    private ClaimAnswer Claim(StoreMachine machine, string key, ClaimReason reason = ClaimReason.Miss) => machine.Claim(
        new ClaimRequest { Key = key, Operation = Next(), Owner = "me", Lease = TimeSpan.FromSeconds(3), Reason = reason, ActiveFor = TimeSpan.FromMinutes(1) }, _now);
}
