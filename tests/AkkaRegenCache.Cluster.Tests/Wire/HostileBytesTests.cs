using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Event;
using Akka.Serialization;
using Akka.TestKit.Xunit2;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Wire;

/// <summary>
/// Bytes that are broken, or made to break: each is a message or one kind of error, and no length in them makes anybody allocate more than the bytes that
/// are there account for.
/// </summary>
public sealed class HostileBytesTests : TestKit
{
    private const int Seed = 20260725;
    private const int Mutations = 20_000;

    private static readonly long[] s_extremes = [0, 1, 0x7f, 0x80, 0xffff, 1 << 20, 1 << 30, int.MaxValue, -1, int.MinValue, long.MaxValue, long.MinValue];

    private readonly SerializerWithStringManifest _serializer;

    public HostileBytesTests()
        : base(TestConfig.Node)
    {
        _serializer = (SerializerWithStringManifest)Sys.Serialization.FindSerializerForType(typeof(ToShard));
    }

    [Fact]
    public void Mutated_messages_are_messages_or_serialization_errors_and_cost_no_more_than_their_bytes()
    {
        var samples = Samples.All.Select(m => (Manifest: _serializer.Manifest(m), Bytes: _serializer.ToBinary(m))).ToList();
        string[] frames = ["", ">", "?", "!", ">?", ">!"];
        var manifests = frames.SelectMany(frame => WireFormat.All.Select(format => frame + format.Manifest)).ToList();
        Fuzz<SerializationException>(
            samples,
            random => random.Next(4) == 0 ? manifests[random.Next(manifests.Count)] : null,
            (bytes, manifest) => _serializer.FromBinary(bytes, manifest));
    }

    [Fact]
    public void Mutated_hand_overs_are_read_or_format_errors_and_cost_no_more_than_their_bytes()
    {
        var now = TimeSpan.FromDays(20_000).Ticks;
        var store = new StoreMachine("life", TimeSpan.FromSeconds(10), storesObjects: false);
        var schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(5), Interval = TimeSpan.FromMinutes(1), ActiveFor = TimeSpan.FromMinutes(2) };
        store.Write(new WriteRequest { Key = "set", Operation = new("n", 1), Payload = CachePayload.FromBytes(new byte[40]), Schedule = schedule }, now);
        var claim = store.Claim(new ClaimRequest { Key = "failed", Operation = new("n", 2), Owner = "n", Lease = TimeSpan.FromMinutes(1) }, now);
        var failure = new GenerationFailure("T", "why");
        store.Release(new ReleaseRequest { Key = "failed", Operation = new("n", 3), Token = claim.Token, Failure = failure, Backoff = TimeSpan.FromMinutes(1) }, now);
        store.Claim(new ClaimRequest { Key = "claimed", Operation = new("n", 4), Owner = "n", Lease = TimeSpan.FromMinutes(1) }, now);
        store.Invalidate(new InvalidateRequest { Key = "gone", Operation = new("n", 5), TombstoneFor = TimeSpan.FromMinutes(1) }, now);
        Fuzz<FormatException>(
            [("", SlotCodec.Write(store, now))],
            _ => null,
            (bytes, _) => SlotCodec.Read(bytes, new StoreMachine("life", TimeSpan.FromSeconds(10), storesObjects: false), now));
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1 << 30)]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_part_of_a_hand_over_with_an_impossible_count_is_an_error_and_is_ignored_where_it_did_not_cross_the_wire(int count)
    {
        var part = new HandoffPart(1, 0, count, "life", new byte[] { 1 });
        Assert.Throws<SerializationException>(() => Copy(new ToShard(1, part)));
        var store = NewStore([]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(store.Take(part));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        Assert.False(store.IsWaiting);
    }

    [Fact]
    public void A_hand_over_that_remembers_a_question_as_an_answer_is_a_format_error()
    {
        using var writer = new WireWriter();
        writer.Byte(1);
        writer.Byte(2);
        StoreFormats.WriteOperation(writer, new OperationId("n", 1));
        writer.Time(TimeSpan.FromSeconds(1));
        writer.Text("r1");
        writer.Text("key");
        writer.Byte(0);
        Assert.Throws<FormatException>(() => SlotCodec.Read(writer.ToArray(), new StoreMachine("life", TimeSpan.FromSeconds(10)), 1));
    }

    [Fact]
    public void A_wait_probe_with_more_keys_than_there_can_be_is_an_error()
    {
        var probe = new CacheNotification
        {
            Publisher = "node",
            Kind = NotificationKind.WaitProbe,
            Epoch = "life",
            Key = "key",
            Probe = new WaitProbe { Initiator = "node", Wait = 1, Round = 1, Victim = "key", Path = [.. Enumerable.Repeat("", WaitProbe.MostKeys)] },
        };
        Assert.Equal(WaitProbe.MostKeys, ((CacheNotification)((ToNode)Copy(new ToNode(probe))).Body).Probe!.Path.Count);
        Assert.Throws<SerializationException>(() => Copy(new ToNode(probe with { Probe = probe.Probe with { Path = [.. probe.Probe.Path, ""] } })));
    }

    [Fact]
    public void The_claim_that_a_large_value_will_come_allocates_nothing()
    {
        var replies = new List<object>();
        var store = NewStore(replies);
        var write = new WriteRequest
        {
            Key = "key",
            Operation = new OperationId("n", 1),
            Payload = CachePayload.FromBytes(default),
            Schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(1) },
        };
        var before = GC.GetAllocatedBytesForCurrentThread();
        store.Handle(new StoreAsk(1, write, 1 << 30), ActorRefs.Nobody);
        Assert.IsType<PayloadWanted>(Assert.Single(replies));
        store.Handle(new PayloadChunk(1, 0, new byte[100]), ActorRefs.Nobody);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void What_has_no_value_cannot_claim_that_one_comes_apart()
    {
        Assert.Throws<SerializationException>(() => Copy(new ToShard(1, new StoreAsk(1, new ReadRequest { Key = "k" }, 100_000))));
        Assert.Throws<SerializationException>(() => Copy(new ToNode(new StoreReply(1, new ReadAnswer { Epoch = "life" }, 100_000))));
        Assert.Throws<SerializationException>(() => Copy(new ToNode(new StoreReply(1, new ReadAnswer { Epoch = "life", Record = new StoreRecord { Token = 1 } }, -1))));
    }

    [Fact]
    public void Of_a_value_no_more_than_a_window_is_sent_for_one_question()
    {
        var chunks = ChunkBuffer.Cut(1, new byte[5 * WireLimits.Window], WireLimits.Payload, int.MaxValue).ToList();
        Assert.Equal(WireLimits.Window, chunks.Sum(chunk => chunk.Bytes.Length));
    }

    [Fact]
    public async Task An_answer_of_an_impossible_length_fails_the_call_and_the_next_call_is_answered()
    {
        var region = CreateTestProbe();
        var actor = Sys.ActorOf(Actors.ClusterStoreActor.Props(region.Ref, TimeProvider.System));
        foreach (var length in new[] { -1, int.MinValue, int.MaxValue })
        {
            var call = new PartitionCall(1, new ReadRequest { Key = "k" });
            actor.Tell(call);
            var asked = (StoreAsk)region.ExpectMsg<ToShard>(Eventually.Patience).Body;
            actor.Tell(new ToNode(new StoreReply(asked.Id, new ReadAnswer { Epoch = "life", Record = new StoreRecord { Token = 1 } }, length)));
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => call.Answer.WaitAsync(Eventually.Patience));
            Assert.Contains($"{length} bytes", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_costs_the_connection_nothing()
    {
        await using var cluster = await TestCluster.StartNewAsync(2);
        var caches = await cluster.StartAsync("hostile");
        await Eventually.Holds(() => Homes.Local(caches[1]).Count > 0, "the other node has a shard");

        // What follows goes the same way, behind it.
        for (var shard = 0; shard < caches[0].Node.Shards; shard++)
            caches[0].Node.Handle!.Region.Tell(new ToShard(shard, new StoreAsk(1, new ReadRequest { Key = "k" }, -1)));

        foreach (var key in Enumerable.Range(0, caches[0].Node.Shards).Select(shard => TestCluster.KeyOf(caches[0].Node, shard)))
        {
            await Eventually.Holds(async () => !(await caches[0].Cache.SetAsync(key, "value")).IsPending, "the set is stored");
            Assert.Equal("value", await caches[1].Cache.GetOrCreateAsync(key, _ => new ValueTask<string>("made")));
        }
    }

    private static ShardStore NewStore(List<object> replies) => new(() => TimeSpan.FromDays(20_000).Ticks, (_, body) => replies.Add(body));

    private object Copy(object message) => _serializer.FromBinary(_serializer.ToBinary(message), _serializer.Manifest(message));

    private static void Fuzz<TError>(
        List<(string Manifest, byte[] Bytes)> samples, Func<Random, string?> otherManifest, Action<byte[], string> read)
        where TError : Exception
    {
        // What is made once only is not what is measured.
        foreach (var (manifest, bytes) in samples)
            Assert.Null(Record.Exception(() => read(bytes, manifest)));
        Assert.ThrowsAny<TError>(() => read([], samples[^1].Manifest));

        var random = new Random(Seed);
        var (taken, refused) = (0, 0);
        for (var i = 0; i < Mutations; i++)
        {
            var (manifest, sample) = samples[i % samples.Count];
            var broken = Mutate(sample, random);
            manifest = otherManifest(random) ?? manifest;
            var before = GC.GetAllocatedBytesForCurrentThread();
            Exception? error = null;
            try
            {
                read(broken, manifest);
                taken++;
            }
            catch (Exception e)
            {
                error = e;
                refused++;
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            var which = $"seed {Seed}, mutation {i}: '{manifest}' {Convert.ToHexString(broken)}";
            Assert.True(error is null or TError, $"{which}: {error}");
            Assert.True(allocated <= 32_768 + (64L * broken.Length), $"{which}: {allocated} bytes were allocated for {broken.Length}");
        }

        Assert.True(taken > 0 && refused > 0, $"{taken} were read, {refused} were not");
    }

    private static byte[] Mutate(byte[] sample, Random random)
    {
        var bytes = sample.ToList();
        for (var times = random.Next(1, 4); times > 0 && bytes.Count > 0; times--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                default:
                    // A length, a count or a number: whatever stands here, if it is one.
                    using (var writer = new WireWriter())
                    {
                        writer.Long(s_extremes[random.Next(s_extremes.Length)]);
                        var extreme = writer.ToArray();
                        bytes.RemoveAt(at);
                        bytes.InsertRange(at, extreme.Length == 10 && random.Next(2) == 0 ? [.. extreme[..4], 0x0f] : extreme);
                    }

                    break;
            }
        }

        return [.. bytes];
    }
}
