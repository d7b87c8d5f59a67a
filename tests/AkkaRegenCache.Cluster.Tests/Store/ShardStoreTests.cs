using System.Text;
using Akka.Actor;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

/// <summary>What an entity hands over, and what the next one makes of it.</summary>
public sealed class ShardStoreTests
{
    private readonly List<object> _replies = [];
    private long _now = TimeSpan.FromDays(20_000).Ticks;
    private long _ids;

    [Fact]
    public void The_next_entity_goes_on_with_all_that_was_held_and_the_same_life()
    {
        var old = NewStore();
        var written = (ChangeAnswer)Ask(old, Write("value", "one", interval: 60, activeFor: 300));
        Ask(old, Write("large", new string('x', 200_000)));
        var removed = (ChangeAnswer)Ask(old, new InvalidateRequest { Key = "removed", Operation = Op(), TombstoneFor = Seconds(100) });
        var claim = (ClaimAnswer)Ask(old, Claim("claimed", "node-1"));
        var failed = (ClaimAnswer)Ask(old, Claim("failed", "node-1"));
        Ask(old, new ReleaseRequest { Key = "failed", Operation = Op(), Token = failed.Token, Failure = new GenerationFailure("T", "why"), Backoff = Seconds(50) });
        var repeated = Write("repeated", "first");
        var first = (ChangeAnswer)Ask(old, repeated);

        _now += Seconds(5).Ticks;
        var next = NewStore();
        foreach (var part in old.Export(1).ToList())
            next.Take(part);

        Assert.Equal(old.Epoch, next.Epoch);
        var record = ((ReadAnswer)Ask(next, new ReadRequest { Key = "value" })).Record!;
        Assert.Equal(("one", written.Token), (Text(record), record.Token));
        Assert.Equal((Seconds(495), Seconds(55), Seconds(295)), (record.FreshFor, record.DueIn, record.ActiveFor));
        Assert.True(((ReadAnswer)Ask(next, new ReadRequest { Key = "removed" })).Record is { IsRemoved: true } gone && gone.Token == removed.Token);
        Assert.Equal(RenewOutcome.Held, ((RenewAnswer)Ask(next, new RenewBatch([new HeldClaim("claimed", claim.Token)], Seconds(30)))).Outcomes[0]);
        var held = (ClaimAnswer)Ask(next, Claim("claimed", "node-2"));
        Assert.Equal((ClaimOutcome.Held, "node-1", Seconds(30)), (held.Outcome, held.Owner, held.Remaining));
        var backingOff = (ClaimAnswer)Ask(next, Claim("failed", "node-2"));
        Assert.Equal((ClaimOutcome.BackingOff, "why", Seconds(45)), (backingOff.Outcome, backingOff.Failure?.Message, backingOff.Remaining));
        Assert.Equal(first.Token, ((ChangeAnswer)Ask(next, repeated)).Token);
        next.Handle(new StoreAsk(77, new ReadRequest { Key = "large" }), ActorRefs.Nobody);
        Assert.Equal(200_000, Assert.IsType<StoreReply>(_replies[^1]).PayloadLength);
    }

    [Fact]
    public void Requests_wait_for_the_whole_hand_over_and_are_answered_from_it()
    {
        var old = NewStore();
        Ask(old, Write("key", new string('x', 200_000)));
        var parts = old.Export(1).ToList();
        Assert.True(parts.Count > 2);
        var next = NewStore();
        next.Wait();
        next.Handle(new StoreAsk(1, new CheckBatch(["key"])), ActorRefs.Nobody);
        foreach (var part in parts[1..])
            Assert.False(next.Take(part));
        Assert.Empty(Replies());

        Assert.True(next.Take(parts[0]));

        Assert.NotEqual(0, Assert.IsType<CheckAnswer>(Assert.Single(Replies()).Answer).Checks[0].Token);
        Assert.False(next.IsWaiting);
    }

    [Fact]
    public void When_the_wait_ends_first_a_new_life_begins_and_what_comes_late_does_not_count()
    {
        var old = NewStore();
        Ask(old, Write("key", "old"));
        var next = NewStore();
        next.Wait();
        next.Handle(new StoreAsk(1, new CheckBatch(["key"])), ActorRefs.Nobody);
        Assert.Empty(Replies());

        next.EndWait();
        Assert.Equal(0, Assert.IsType<CheckAnswer>(Assert.Single(Replies()).Answer).Checks[0].Token);
        foreach (var part in old.Export(1))
            Assert.False(next.Take(part));

        Assert.NotEqual(old.Epoch, next.Epoch);
        Assert.Equal(0, ((CheckAnswer)Ask(next, new CheckBatch(["key"]))).Checks[0].Token);
    }

    [Fact]
    public void Parts_of_another_incarnation_are_never_mixed_with_the_first_ones()
    {
        var (one, two) = (NewStore(), NewStore());
        Ask(one, Write("key", new string('1', 200_000)));
        Ask(two, Write("key", new string('2', 200_000)));
        var (ones, twos) = (one.Export(1).ToList(), two.Export(2).ToList());
        var next = NewStore();
        next.Take(ones[0]);
        foreach (var part in twos)
            next.Take(part);
        Assert.Equal(two.Epoch, next.Epoch);
    }

    [Fact]
    public void A_hand_over_that_cannot_be_read_is_an_error_and_the_store_begins_anew()
    {
        var next = NewStore();
        Assert.ThrowsAny<Exception>(() => next.Take(new HandoffPart(1, 0, 1, "life", new byte[] { 1, 9 })));
        next.EndWait();
        Assert.NotEqual("life", next.Epoch);
        Assert.NotNull(Ask(next, new CheckBatch(["key"])));
    }

    [Fact]
    public void A_large_value_is_fetched_window_by_window_before_it_counts()
    {
        var store = NewStore();
        var value = Encoding.UTF8.GetBytes(new string('v', (2 * WireLimits.Window) + 5));
        var request = Write("key", "");
        store.Handle(new StoreAsk(5, request, value.Length), ActorRefs.Nobody);
        var fetched = 0;
        while (_replies[^1] is PayloadWanted wanted)
        {
            Assert.Equal(fetched, wanted.Offset);
            Assert.InRange(wanted.Count, 1, WireLimits.Window);
            foreach (var chunk in ChunkBuffer.Cut(5, value, wanted.Offset, wanted.Count))
            {
                Assert.InRange(chunk.Bytes.Length, 1, WireLimits.Payload);
                store.Handle(chunk, ActorRefs.Nobody);
            }

            fetched += wanted.Count;
        }

        Assert.Equal(value.Length, fetched);
        Assert.True(((ChangeAnswer)Assert.IsType<StoreReply>(_replies[^1]).Answer).Accepted);
        store.Handle(new StoreAsk(6, new ReadRequest { Key = "key" }), ActorRefs.Nobody);
        Assert.Equal(value.Length, Assert.IsType<StoreReply>(_replies[^1]).PayloadLength);
    }

    [Fact]
    public void An_exception_at_one_message_costs_that_message_only_also_among_those_that_waited()
    {
        var failures = new List<Exception>();
        var store = new ShardStore(() => _now, (_, body) => _replies.Add(body), (e, _) => failures.Add(e));
        var written = (ChangeAnswer)Ask(store, Write("key", "kept"));
        var value = new byte[10];
        store.Handle(new StoreAsk(5, Write("key", "") with { Key = null! }, value.Length), ActorRefs.Nobody);
        store.Handle(new PayloadChunk(5, 0, value), ActorRefs.Nobody);
        Assert.Equal(5, Assert.IsType<StoreFailed>(_replies[^1]).Id);
        store.Handle(new RecordWanted(6, null!, 1, 0, 1), ActorRefs.Nobody);
        Assert.Equal(6, Assert.IsType<StoreFailed>(_replies[^1]).Id);
        Assert.Equal(written.Token, ((ReadAnswer)Ask(store, new ReadRequest { Key = "key" })).Record!.Token);

        var next = new ShardStore(() => _now, (_, body) => _replies.Add(body), (e, _) => failures.Add(e));
        next.Wait();
        next.Handle(new StoreAsk(7, new ReadRequest { Key = null! }), ActorRefs.Nobody);
        next.Handle(new StoreAsk(8, new ReadRequest { Key = "key" }), ActorRefs.Nobody);
        next.EndWait();

        Assert.Equal(7, Assert.IsType<StoreFailed>(_replies[^2]).Id);
        Assert.Equal(8, Assert.IsType<StoreReply>(_replies[^1]).Id);
        Assert.Equal(3, failures.Count);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void A_value_of_an_impossible_length_is_refused_and_the_store_goes_on(int length)
    {
        var store = NewStore();
        store.Handle(new StoreAsk(5, Write("key", ""), length), ActorRefs.Nobody);
        Assert.Equal(5, Assert.IsType<StoreFailed>(_replies[^1]).Id);
        Assert.NotNull(Ask(store, new CheckBatch(["key"])));
    }

    [Fact]
    public void A_value_that_was_replaced_while_it_was_fetched_is_gone()
    {
        var store = NewStore();
        var first = (ChangeAnswer)Ask(store, Write("key", new string('a', 200_000)));
        store.Handle(new RecordWanted(9, "key", first.Token, 0, 10), ActorRefs.Nobody);
        Assert.Equal("aaaaaaaaaa", Encoding.UTF8.GetString(Assert.IsType<PayloadChunk>(_replies[^1]).Bytes.Span));

        Ask(store, Write("key", new string('b', 200_000)));
        store.Handle(new RecordWanted(9, "key", first.Token, 10, 10), ActorRefs.Nobody);

        Assert.Equal(new AskAgain(9), _replies[^1]);
    }

    [Fact]
    public void What_waited_for_a_shard_without_a_home_and_is_not_wanted_any_more_is_not_done()
    {
        var store = NewStore();
        store.Handle(new StoreAsk(1, Write("key", "given up")), ActorRefs.Nobody);
        store.Handle(new StoreAsk(2, Claim("key", "node-1")), ActorRefs.Nobody);
        store.Handle(new StoreAsk(3, new ReadRequest { Key = "key" }), ActorRefs.Nobody);
        var wanted = Write("key", "wanted");
        store.Handle(new StoreAsk(4, wanted), ActorRefs.Nobody);

        Assert.Equal([1, 2, 4], _replies.OfType<AskAgain>().Select(again => again.Id));
        Assert.Null(((ReadAnswer)_replies.OfType<StoreReply>().Single().Answer).Record);

        // Only this one is asked for again; what comes after it was asked for after it.
        store.Handle(new StoreAsk(4, wanted), ActorRefs.Nobody);
        store.Handle(new StoreAsk(5, Claim("other", "node-1")), ActorRefs.Nobody);

        Assert.Equal([4, 5], _replies.OfType<StoreReply>().Skip(1).Select(reply => reply.Id));
        Assert.Equal("wanted", Text(((ReadAnswer)Ask(store, new ReadRequest { Key = "key" })).Record!));
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static string Text(StoreRecord record) => Encoding.UTF8.GetString(record.Payload!.Bytes!.Value.Span);

    private ShardStore NewStore() => new(() => _now, (_, body) => _replies.Add(body));

    /// <summary>The answers to question 1.</summary>
    private List<StoreReply> Replies() => [.. _replies.OfType<StoreReply>().Where(r => r.Id == 1)];

    private StoreAnswer Ask(ShardStore store, object request)
    {
        var id = 1000 + ++_ids;
        store.Handle(new StoreAsk(id, request), ActorRefs.Nobody);
        if (_replies[^1] is AskAgain)
            store.Handle(new StoreAsk(id, request), ActorRefs.Nobody);
        return _replies.OfType<StoreReply>().Single(r => r.Id == id).Answer;
    }

    private OperationId Op() => new("test", ++_ids);

    private ClaimRequest Claim(string key, string owner) => new() { Key = key, Operation = Op(), Owner = owner, Lease = Seconds(30) };

    private WriteRequest Write(string key, string value, double? interval = null, double activeFor = 0) => new()
    {
        Key = key,
        Operation = Op(),
        Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes(value)),
        Schedule = new StoreSchedule
        {
            FreshFor = Seconds(500),
            Interval = interval is { } seconds ? Seconds(seconds) : null,
            ActiveFor = Seconds(activeFor),
        },
    };
}
