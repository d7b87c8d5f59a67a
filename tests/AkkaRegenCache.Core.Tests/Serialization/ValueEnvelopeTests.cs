using System.Buffers;
using System.Text;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Serialization;

/// <summary>What goes around a value, byte by byte, and what a reader of an earlier release makes of it.</summary>
public sealed class ValueEnvelopeTests
{
    private const string Plain = "02" + "6D616465";
    private const string WithFields = "03" + "02" + "03" + "010203" + "8101" + "00" + "00" + "6D616465";

    private static readonly ValueField[] s_fields = [new(2, new byte[] { 1, 2, 3 }), new(129, default)];

    [Fact]
    public void Bytes_are_as_they_always_were()
    {
        Assert.Equal(Plain, Written(true, null));
        Assert.Equal("00", Written(false, null)[..2]);
        Assert.Equal(WithFields, Written(true, s_fields));
    }

    [Fact]
    public void A_field_that_may_be_passed_over_is_and_one_that_must_be_understood_makes_the_value_unreadable()
    {
        Assert.Equal("made", Read(Plain));
        Assert.Equal("made", Read("03" + "02" + "03" + "010203" + "00" + "6D616465"));
        Assert.Contains("field (129)", Read(WithFields), StringComparison.Ordinal);
        Assert.Equal("made", Read(WithFields, tag => tag == 129));
    }

    [Theory]
    [InlineData("")]
    [InlineData("04")]
    [InlineData("82")]
    [InlineData("03")]
    [InlineData("03" + "02")]
    [InlineData("03" + "02" + "05" + "01")]
    [InlineData("03" + "02" + "FFFFFF7F" + "01")]
    [InlineData("03" + "FFFFFFFFFF")]
    public void Bytes_that_are_no_envelope_are_told_and_never_thrown_over(string bytes) =>
        Assert.Contains("not a value of this version", Read(bytes), StringComparison.Ordinal);

    [Fact]
    public void More_fields_than_anybody_writes_are_somebody_elses_bytes() =>
        Assert.Contains("not a value", Read("03" + string.Concat(Enumerable.Repeat("0200", ValueEnvelope.MostFields + 1)) + "00"), StringComparison.Ordinal);

    [Fact]
    public void Random_bytes_are_never_thrown_over()
    {
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(40)];
            random.NextBytes(bytes);
            if (bytes.Length > 0)
                bytes[0] &= 3;
            ValueEnvelope.TryRead(bytes, null, out _, out _, out _);
        }
    }

    [Fact]
    public void A_value_of_a_later_release_is_read_where_its_fields_allow_it_and_is_else_a_value_that_cannot_be_read()
    {
        var later = new ValueCodec("values", null, null, storesObjects: false, int.MaxValue) { Fields = new Later() };
        var today = new ValueCodec("values", null, null, storesObjects: false, int.MaxValue);

        Assert.True(today.TryDecode<string>("optional", Sent(later.Encode("optional", "made", null)), out var value, out _));
        Assert.Equal("made", value);
        Assert.False(today.TryDecode<string>("must", Sent(later.Encode("must", "made", null)), out _, out var error));
        Assert.Contains("'must' holds was written by a newer version", error!.Message, StringComparison.Ordinal);
        Assert.True(later.TryDecode<string>("must", Sent(later.Encode("must", "made", null)), out value, out _));
        Assert.True(later.TryDecode<string>("must", Sent(today.Encode("must", "made", null)), out value, out _));
    }

    private static CachePayload Sent(CachePayload payload) => CachePayload.FromBytes(payload.Bytes!.Value);

    private static string Written(bool hasValue, ValueField[]? fields)
    {
        var target = new ArrayBufferWriter<byte>();
        ValueEnvelope.Write(target, hasValue, fields);
        target.Write("made"u8);
        return Convert.ToHexString(target.WrittenSpan);
    }

    private static string Read(string hex, Func<int, bool>? understands = null) =>
        ValueEnvelope.TryRead(Convert.FromHexString(hex), understands, out var hasValue, out var value, out var error)
            ? hasValue ? Encoding.UTF8.GetString(value.Span) : "null"
            : error;

    private sealed class Later : IValueFields
    {
        public IReadOnlyList<ValueField> Of(string key) => [new(key == "must" ? 3 : 2, new byte[] { 9 })];

        public bool Understands(int tag) => tag == 3;
    }
}
