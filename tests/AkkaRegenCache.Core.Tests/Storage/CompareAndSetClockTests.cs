using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>By whose clock leases, lives and tokens go where a store is made of documents.</summary>
public sealed class CompareAndSetClockTests
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly VirtualTimeProvider _storesClock = new(s_start);
    private long _operations;

    [Fact]
    public async Task Where_the_store_tells_its_time_no_nodes_clock_counts()
    {
        var documents = new FakeDocuments(_storesClock);
        var early = Node(documents, new VirtualTimeProvider(s_start.AddYears(-5)));
        var late = Node(documents, new VirtualTimeProvider(s_start.AddYears(5)));

        var claim = await Claim(early, "early");
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        Assert.Equal((s_start - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, claim.Token);
        var held = await Claim(late, "late");
        Assert.Equal((ClaimOutcome.Held, TimeSpan.FromSeconds(3)), (held.Outcome, held.Remaining));
        _storesClock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(1), (await Claim(late, "late")).Remaining);
        _storesClock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ClaimOutcome.Granted, (await Claim(late, "late")).Outcome);
    }

    [Fact]
    public async Task Without_it_nodes_whose_clocks_differ_a_little_give_out_increasing_tokens_and_leases_are_off_by_the_difference()
    {
        var documents = new FakeDocuments(_storesClock, tellsTime: false);
        var clocks = new[] { new VirtualTimeProvider(s_start), new VirtualTimeProvider(s_start.AddMilliseconds(200)) };
        var behind = Node(documents, clocks[0]);
        var ahead = Node(documents, clocks[1]);

        var last = 0L;
        for (var round = 0; round < 10; round++)
        {
            foreach (var (node, name) in (ReadOnlySpan<(IExternalStore, string)>)[(ahead, "ahead"), (behind, "behind")])
                last = Next(Write(node), last);
        }

        Assert.Equal(TimeSpan.FromSeconds(10), Record(behind)!.FreshFor);
        var claim = await Claim(behind, "behind", ClaimReason.Refresh);
        Assert.Equal(TimeSpan.FromSeconds(2.8), (await Claim(ahead, "ahead", ClaimReason.Refresh)).Remaining);
        Assert.True(claim.Token > last);

        static long Next(ChangeAnswer answer, long last)
        {
            Assert.True(answer.Token > last);
            return answer.Token;
        }
    }

    [Fact]
    public async Task A_lease_that_a_clock_from_the_future_gave_ends_when_somebody_has_looked_at_it_by_the_right_one()
    {
        var documents = new FakeDocuments(_storesClock, tellsTime: false);
        var clock = new VirtualTimeProvider(s_start);
        var wrong = Node(documents, new VirtualTimeProvider(s_start.AddYears(1)));
        var right = Node(documents, clock);
        var granted = await Claim(wrong, "wrong");

        var held = await Claim(right, "right", ClaimReason.Due, activeFor: 5);
        Assert.Equal(ClaimOutcome.Held, held.Outcome);
        clock.Advance(held.Remaining + TimeSpan.FromMilliseconds(1));
        var next = await Claim(right, "right");
        Assert.Equal(ClaimOutcome.Granted, next.Outcome);
        Assert.True(next.Token > granted.Token);
    }

    [Fact]
    public void A_clock_that_is_set_back_turns_no_token_of_a_known_key_back()
    {
        var shared = new FakeDocuments(_storesClock, tellsTime: false);
        var before = Node(shared, new VirtualTimeProvider(s_start));
        var after = Node(shared, new VirtualTimeProvider(s_start.AddHours(-1)));
        var first = Write(before);
        var second = Write(after);
        Assert.True(second.Token > first.Token);
        Assert.Equal(TimeSpan.FromSeconds(10), Record(after)!.FreshFor);
    }

    private static IExternalStore Node(ICompareAndSetStore documents, TimeProvider clock) =>
        new CompareAndSetExternalStore(documents, clock).ForCache("cache");

    // The documents are in memory: all is done when the call returns.
    private ChangeAnswer Write(IExternalStore node) => Done(node.WriteAsync(new WriteRequest
    {
        Key = "key",
        Operation = new("node", ++_operations),
        Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes("value")),
        Schedule = new StoreSchedule { FreshFor = TimeSpan.FromSeconds(10) },
    }));

    private static StoreRecord? Record(IExternalStore node) => Done(node.ReadAsync(new ReadRequest { Key = "key" })).Record;

    private static T Done<T>(ValueTask<T> call)
    {
        Assert.True(call.IsCompletedSuccessfully);
        return call.Result;
    }

    private ValueTask<ClaimAnswer> Claim(IExternalStore node, string owner, ClaimReason reason = ClaimReason.Miss, double activeFor = 0) =>
        node.ClaimAsync(new ClaimRequest
        {
            Key = "key",
            Operation = new("node", ++_operations),
            Owner = owner,
            Lease = TimeSpan.FromSeconds(3),
            Reason = reason,
            ActiveFor = TimeSpan.FromSeconds(activeFor),
        });
}
