using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>What a machine holds, as bytes: the same in every version to come, and harmless where they are broken.</summary>
public sealed class SlotCodecTests
{
    private const string Golden =
        "4152439D01018080E0AD9882D91E036B65790102016E0180C2D72F0253310565706F6368018080B0D1B5F3880301808C8D9E0280ECF58E"
        + "1402016E0280C2D72F0243310565706F6368008180B0D1B5F388030000000002016E0380C2D72F024C310565706F63680102016E0480C2"
        + "D72F0243310565706F6368008280B0D1B5F388030000000001036B65798080B0D1B5F388038280B0D1B5F388030180BCC1960B808C8D9E"
        + "0201808C8D9E0280ECF58E1480E1EB170101618280B0D1B5F388038087A70E000101010E536F6D652E457863657074696F6E0377687981"
        + "80B0D1B5F3880380B4891380C2D72F010301020300";

    private const string GoldenEpoch = "4152439D01028080E0AD9882D91E0565706F6368";

    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(3);
    private static readonly long s_now = TimeSpan.FromDays(20_000).Ticks;

    [Fact]
    public void The_bytes_of_a_document_are_these()
    {
        AssertIs(Golden, Document());
        AssertIs(GoldenEpoch, KeyDocument.WriteEpoch("epoch", s_now));

        // Whole where it isn't: to be compared.
        static void AssertIs(string golden, ReadOnlyMemory<byte> bytes)
        {
            var hex = Convert.ToHexString(bytes.Span);
            Assert.True(golden == hex, hex);
        }
    }

    [Fact]
    public void What_is_read_is_what_was_written_as_it_is_at_that_time()
    {
        var read = new StoreMachine("epoch", TimeSpan.FromSeconds(10), storesObjects: false);
        var later = s_now + TimeSpan.FromSeconds(1).Ticks;
        Assert.Equal(DocumentKind.Readable, KeyDocument.Read(Found(Convert.FromHexString(Golden)), "key", read, later, out var writtenAt));
        Assert.Equal(s_now, writtenAt);

        var was = Machine();
        Assert.Equal(Plain(was.ExportSlots(later).Single()), Plain(read.ExportSlots(later).Single()));
        Assert.Equal([1, 2, 3], read.ExportSlots(later).Single().Payload!.Bytes!.Value.ToArray());
        Assert.Equal(
            was.ExportOperations(later).Select(o => (o.Operation, o.Answer.GetType(), o.KeptFor)),
            read.ExportOperations(later).Select(o => (o.Operation, o.Answer.GetType(), o.KeptFor)));
        Assert.Equal(DocumentKind.Readable, KeyDocument.ReadEpoch(Found(Convert.FromHexString(GoldenEpoch)), out var epoch, out writtenAt));
        Assert.Equal(("epoch", s_now), (epoch, writtenAt));

        static HandoffSlot Plain(HandoffSlot slot) => slot with { Payload = null };
    }

    [Fact]
    public void A_document_that_is_broken_anywhere_is_read_or_foreign_and_costs_no_more_than_its_bytes()
    {
        var whole = Document().ToArray();
        var random = new Random(20260725);
        var kinds = new int[4];
        for (var i = 0; i < 20_000; i++)
        {
            var broken = whole[..(random.Next(4) == 0 ? random.Next(whole.Length) : whole.Length)];
            for (var change = random.Next(4); change >= 0 && broken.Length > 0; change--)
                broken[random.Next(Math.Min(broken.Length, random.Next(1, whole.Length)))] = (byte)random.Next(256);
            var machine = new StoreMachine("epoch", TimeSpan.FromSeconds(10), storesObjects: false);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var kind = KeyDocument.Read(Found(broken), "key", machine, s_now, out _);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50_000);
            kinds[(int)kind]++;
            if (kind != DocumentKind.Readable)
                continue;

            // What could be read can be worked with, and written.
            machine.Claim(new ClaimRequest { Key = "key", Operation = new("new", 1), Owner = "new", Lease = s_lease }, s_now);
            machine.Check(["key"], s_now);
            Assert.True(machine.HoldsNothingBut("key"));
            KeyDocument.Write("key", machine, s_now, 0);
        }

        foreach (var kind in (ReadOnlySpan<DocumentKind>)[DocumentKind.Readable, DocumentKind.Newer, DocumentKind.Foreign])
            Assert.True(kinds[(int)kind] > 10, $"{kind}: {kinds[(int)kind]}");
    }

    [Fact]
    public void A_document_that_holds_something_of_another_key_is_foreign()
    {
        var machine = new StoreMachine("epoch", TimeSpan.FromSeconds(10), storesObjects: false);
        var document = KeyDocument.Write("another", Machine(), s_now, 3).ToArray();
        Assert.Equal(DocumentKind.Foreign, KeyDocument.Read(Found(document), "another", machine, s_now, out _));
    }

    [Fact]
    public void A_length_is_a_claim_for_which_nothing_is_allocated()
    {
        var bytes = Document().ToArray();

        // The value's length, three bytes from the end mark: now a gigabyte.
        Assert.Equal(3, bytes[^5]);
        var broken = (byte[])[.. bytes[..^5], 0x80, 0x80, 0x80, 0x80, 0x04, .. bytes[^4..]];
        var machine = new StoreMachine("epoch", TimeSpan.FromSeconds(10), storesObjects: false);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(DocumentKind.Foreign, KeyDocument.Read(Found(broken), "key", machine, s_now, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50_000);
    }

    [Fact]
    public void Names_are_of_a_few_characters_and_tell_all_keys_and_caches_apart()
    {
        (string Cache, string Key)[] keys =
        [
            ("cache", "key"), ("cache", "KEY"), ("CACHE", "key"), ("cache", "key "), ("cachek", "ey"), ("cache", "epoch"),
            ("cache", "ключ"), ("cache", "鍵"), ("cache", "a/b"), ("cache", "a:b"), ("cache", "a\0b"), ("", ""), ("cache\n", "key"),
            ("cache", new string('x', 1024)), ("cache", new string('x', 1023)),
        ];
        var names = keys.Select(each => DocumentNames.OfKey(each.Cache, each.Key)).Append(DocumentNames.OfEpoch("cache")).ToList();
        Assert.All(names, name => Assert.Matches("^[a-z0-9.:-]{1,126}$", name));
        Assert.Equal(names.Count, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.Equal(126, CompareAndSetExternalStore.MaximumNameLength);
        Assert.Equal("arc:cache:key:", names[0][..14]);
    }

    private static StoredDocument Found(byte[] bytes) => new(bytes, "1");

    private static ReadOnlyMemory<byte> Document() => KeyDocument.Write("key", Machine(), s_now, 3);

    /// <summary>
    /// A value that is regenerated, a generation that failed, a claim that another node waits for, and the answers to all that.
    /// </summary>
    private static StoreMachine Machine()
    {
        var machine = new StoreMachine("epoch", TimeSpan.FromSeconds(10), storesObjects: false);
        var minute = TimeSpan.FromMinutes(1);
        var schedule = new StoreSchedule { FreshFor = 5 * minute, Interval = minute, ActiveFor = 9 * minute };
        var payload = CachePayload.FromBytes(new byte[] { 1, 2, 3 });
        machine.Write(new WriteRequest { Key = "key", Operation = new("n", 1), Payload = payload, Schedule = schedule }, s_now);
        var claim = Claim(2, "a");
        machine.Release(
            new ReleaseRequest
            {
                Key = "key",
                Operation = new("n", 3),
                Token = claim.Token,
                Failure = new GenerationFailure("Some.Exception", "why"),
                Backoff = TimeSpan.FromSeconds(4),
                DueBackoff = TimeSpan.FromSeconds(5),
            },
            s_now);
        Claim(4, "a");
        Claim(5, "b");
        return machine;

        ClaimAnswer Claim(long number, string owner)
        {
            const ClaimReason Reason = ClaimReason.Refresh;
            var request = new ClaimRequest { Key = "key", Operation = new("n", number), Owner = owner, Lease = s_lease, Reason = Reason };
            return machine.Claim(request, s_now);
        }
    }
}
