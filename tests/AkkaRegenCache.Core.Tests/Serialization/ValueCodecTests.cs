using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using AkkaRegenCache.Core.Tests.Runtime;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Serialization;

public sealed class ValueCodecTests
{
    private const string Key = "the-key";

    private readonly ValueCodec _codec = Codec();

    [Fact]
    public void Without_a_serializer_values_go_as_json_and_come_back_equal()
    {
        var value = new Person("Ada", 36, ["maths", "engines"]);
        var payload = _codec.Encode(Key, value, null);

        // One byte says that there is a value.
        Assert.Equal(2, payload.Bytes!.Value.Span[0]);
        using var json = JsonDocument.Parse(payload.Bytes.Value[1..]);
        Assert.Equal("Ada", json.RootElement.GetProperty("Name").GetString());
        Assert.Equal(payload.Bytes.Value.Length, payload.Size);

        var back = _codec.Decode<Person>(Key, FromStore(payload));
        Assert.Equal((value.Name, value.Age), (back.Name, back.Age));
        Assert.Equal(value.Interests, back.Interests);
        Assert.NotSame(value, back);
    }

    [Fact]
    public void The_value_itself_is_handed_on_without_deserializing_where_it_is_known()
    {
        var value = new Person("Ada", 36, []);
        Assert.Same(value, _codec.Decode<Person>(Key, _codec.Encode(Key, value, null)));
    }

    [Fact]
    public void All_who_read_one_payload_share_one_instance()
    {
        var payload = FromStore(_codec.Encode(Key, new Person("Ada", 36, []), null));
        Assert.False(payload.HasValue);
        var first = _codec.Decode<Person>(Key, payload);
        Assert.Same(first, _codec.Decode<Person>(Key, payload));
    }

    [Fact]
    public void Fields_tuples_dictionaries_and_dates_survive()
    {
        AssertSurvives((1, "two", 3.5));
        AssertSurvives(new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.FromHours(7)));
        AssertSurvives(TimeSpan.FromTicks(123456789));
        AssertSurvives(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
        var map = new Dictionary<string, int> { ["a"] = 1, ["ä\u0000"] = 2 };
        Assert.Equal(map, Back(map));
    }

    [Fact]
    public void Value_types_survive_also_at_their_default()
    {
        AssertSurvives(0);
        AssertSurvives(int.MinValue);
        AssertSurvives(ulong.MaxValue);
        AssertSurvives(false);
        AssertSurvives('\u20ac');
        AssertSurvives(1.0e-300);
        AssertSurvives(79228162514264337593543950335m);
        AssertSurvives(DayOfWeek.Friday);
        AssertSurvives(new Point(3, -4));
        AssertSurvives<int?>(5);
        AssertSurvives<int?>(null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("\0")]
    [InlineData("null")]
    [InlineData("\ud83d\ude00 text \" with \\ everything")]
    public void Strings_survive_empty_and_one_character_too(string value) => AssertSurvives(value);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    public void Byte_arrays_survive_empty_and_one_byte_too(int length)
    {
        var value = new byte[length];
        new Random(1).NextBytes(value);
        Assert.Equal(value, Back(value));
    }

    [Fact]
    public void Null_is_a_value_for_every_serializer()
    {
        var codec = Codec(services => services.AddSingleton<IHybridCacheSerializer<string>>(new Reversing()));
        var payload = codec.Encode<string?>(Key, null, null);
        Assert.Equal(1, payload.Bytes!.Value.Length);

        var stored = FromStore(payload);
        Assert.Null(codec.Decode<string?>(Key, stored));
        Assert.True(stored.HasValue);
        Assert.Null(codec.Decode<string?>(Key, stored));
        Assert.Null(_codec.Decode<Person?>(Key, FromStore(_codec.Encode<Person?>(Key, null, null))));
    }

    [Fact]
    public void A_registered_serializer_is_used_for_its_type_and_for_no_other()
    {
        var codec = Codec(services => services.AddSingleton<IHybridCacheSerializer<string>>(new Reversing()));
        var payload = codec.Encode(Key, "abc", null);
        Assert.Equal("cba", Encoding.UTF8.GetString(payload.Bytes!.Value.Span[1..]));
        Assert.Equal("abc", codec.Decode<string>(Key, FromStore(payload)));
        Assert.Equal("", codec.Decode<string>(Key, FromStore(codec.Encode(Key, "", null))));
        Assert.Equal("5", Encoding.UTF8.GetString(codec.Encode(Key, 5, null).Bytes!.Value.Span[1..]));
    }

    [Fact]
    public void A_factory_is_asked_where_no_serializer_is_registered_and_the_last_one_first()
    {
        var first = new Factory("first", typeof(Person), typeof(Point));
        var last = new Factory("last", typeof(Point));
        var codec = Codec(services => services
            .AddSingleton<IHybridCacheSerializerFactory>(first)
            .AddSingleton<IHybridCacheSerializerFactory>(last)
            .AddSingleton<IHybridCacheSerializer<string>>(new Reversing()));

        Assert.Equal("last", TextOf(codec.Encode(Key, new Point(1, 2), null)));
        Assert.Equal("first", TextOf(codec.Encode(Key, new Person("Ada", 36, []), null)));
        Assert.Equal("cba", TextOf(codec.Encode(Key, "abc", null)));
        Assert.Equal("5", TextOf(codec.Encode(Key, 5, null)));

        // Each is asked once for a type.
        var asked = first.Asked + last.Asked;
        codec.Encode(Key, new Point(1, 2), null);
        codec.Encode(Key, 6, null);
        Assert.Equal(asked, first.Asked + last.Asked);

        static string TextOf(CachePayload payload) => Encoding.UTF8.GetString(payload.Bytes!.Value.Span[1..]);
    }

    [Fact]
    public void Given_json_options_are_used()
    {
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseUpper };
        options.TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver();
        var codec = new ValueCodec("values", null, options, storesObjects: false, int.MaxValue);
        var payload = codec.Encode(Key, new Person("Ada", 36, []), null);
        Assert.Contains("\"NAME\":\"Ada\"", Encoding.UTF8.GetString(payload.Bytes!.Value.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_of_another_type_is_an_error_that_names_the_key_and_both_types()
    {
        var objects = new ValueCodec("values", null, null, storesObjects: true, int.MaxValue);
        var payload = objects.Encode(Key, "text", null);
        var error = Assert.Throws<InvalidOperationException>(() => objects.Decode<Person>(Key, payload));
        AssertNames(error, Key, "System.String", nameof(Person));

        // The payload is as good as before.
        Assert.Equal("text", objects.Decode<string>(Key, payload));
        Assert.Equal("text", objects.Decode<object>(Key, payload));
    }

    [Fact]
    public void Bytes_of_another_type_are_an_error_that_names_the_key_and_the_type()
    {
        var payload = FromStore(_codec.Encode(Key, "text", null));
        AssertNames(Assert.Throws<InvalidOperationException>(() => _codec.Decode<Person>(Key, payload)), Key, nameof(Person));
        Assert.False(payload.HasValue);
        Assert.Equal("text", _codec.Decode<string>(Key, payload));
    }

    [Fact]
    public void Null_where_the_type_has_none_is_an_error_that_names_the_key()
    {
        var payload = FromStore(_codec.Encode<string?>(Key, null, null));
        AssertNames(Assert.Throws<InvalidOperationException>(() => _codec.Decode<int>(Key, payload)), Key, "null", "System.Int32");
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 2 })]
    [InlineData(new byte[] { 1, (byte)'{', (byte)'}' })]
    [InlineData(new byte[] { 0xFF, 1, 2, 3 })]
    [InlineData(new byte[] { 1 })]
    [InlineData(new byte[] { 2, (byte)'{' })]
    [InlineData(new byte[] { 2, 0xC3, 0x28 })]
    public void Bytes_that_are_no_value_are_an_error_that_names_the_key(byte[] bytes) =>
        AssertNames(Assert.Throws<InvalidOperationException>(() => _codec.Decode<Person>(Key, CachePayload.FromBytes(bytes))), Key);

    [Fact]
    public void A_type_that_cannot_be_serialized_is_an_error_that_names_the_key_and_the_type()
    {
        AssertNames(Throws(() => _codec.Encode(Key, new Action(() => { }), null)), Key, "System.Action");
        AssertNames(Throws(() => _codec.Encode(Key, typeof(string), null)), Key, "System.Type");
        AssertNames(Throws(() => _codec.Encode(Key, new Twice(), null)), Key, nameof(Twice));
        var ring = new Ring();
        ring.Next = ring;
        AssertNames(Throws(() => _codec.Encode(Key, ring, null)), Key, nameof(Ring));

        static Exception Throws(Action encode) => Assert.Throws<InvalidOperationException>(encode);
    }

    [Fact]
    public void A_type_that_cannot_be_deserialized_is_an_error_that_names_the_key_and_the_type()
    {
        var payload = FromStore(_codec.Encode(Key, new Person("Ada", 36, []), null));
        AssertNames(Assert.Throws<InvalidOperationException>(() => _codec.Decode<IDisposable>(Key, payload)), Key, "IDisposable");
    }

    [Fact]
    public void A_store_that_keeps_objects_gets_them_as_they_are()
    {
        var objects = new ValueCodec("values", null, null, storesObjects: true, int.MaxValue);
        var value = new Action(() => { });
        var payload = objects.Encode(Key, value, null);
        Assert.Null(payload.Bytes);
        Assert.Same(value, objects.Decode<Action>(Key, payload));
        Assert.Null(objects.Decode<string?>(Key, objects.Encode<string?>(Key, null, null)));
        Assert.True(objects.Encode(Key, new byte[1000], null).Size >= 1000);
        Assert.True(objects.Encode(Key, new string('x', 1000), null).Size >= 2000);
    }

    [Fact]
    public void A_payload_is_too_large_only_above_the_limit()
    {
        var codec = new ValueCodec("values", null, null, storesObjects: false, maximumPayloadBytes: 13);
        var fits = codec.Encode(Key, new string('x', 10), null);
        Assert.Equal(13, fits.Bytes!.Value.Length);
        Assert.False(codec.IsTooLarge(Key, fits));
        Assert.True(codec.IsTooLarge(Key, codec.Encode(Key, new string('x', 11), null)));
    }

    [Fact]
    public void The_first_value_that_is_too_large_is_logged()
    {
        var log = new LogLines();
        var codec = new ValueCodec("values", null, null, storesObjects: false, maximumPayloadBytes: 13) { Logger = log };
        for (var i = 0; i < 3; i++)
            Assert.True(codec.IsTooLarge(Key, codec.Encode(Key, new string('x', 11), null)));

        Assert.Contains("MaximumPayloadBytes (13)", Assert.Single(log.Of(LogLevel.Warning)), StringComparison.Ordinal);
    }

    private static ValueCodec Codec(Action<IServiceCollection>? register = null)
    {
        var services = new ServiceCollection();
        register?.Invoke(services);
        return new ValueCodec("values", services.BuildServiceProvider(), null, storesObjects: false, int.MaxValue);
    }

    /// <summary>What a store makes of a payload: its bytes.</summary>
    private static CachePayload FromStore(CachePayload payload) => CachePayload.FromBytes(payload.Bytes!.Value);

    private T Back<T>(T value) => _codec.Decode<T>(Key, FromStore(_codec.Encode(Key, value, null)));

    private void AssertSurvives<T>(T value) => Assert.Equal(value, Back(value));

    private static void AssertNames(Exception error, params string[] names) =>
        Assert.All(names, name => Assert.Contains(name, error.Message, StringComparison.Ordinal));

    [Fact]
    public void Another_type_is_read_of_a_value_of_this_process_as_of_one_from_the_store()
    {
        foreach (var codec in (ValueCodec[])[_codec, new ValueCodec("values", null, null, storesObjects: true, int.MaxValue)])
        {
            Assert.Equal(5L, codec.Decode<long>(Key, codec.Encode(Key, 5, null)));
            Assert.Equal("Ada", codec.Decode<Named>(Key, codec.Encode(Key, new Person("Ada", 36, []), null)).Name);
            AssertNames(Assert.Throws<InvalidOperationException>(() => codec.Decode<int>(Key, codec.Encode(Key, "text", null))), Key, "System.Int32");
            AssertNames(Assert.Throws<InvalidOperationException>(() => codec.Decode<Aged>(Key, codec.Encode(Key, new Named("Ada"), null))), Key, nameof(Aged));
        }
    }

    [Fact]
    public void A_value_is_read_as_another_type_by_the_serializer_of_the_type_that_it_was_made_as()
    {
        var objects = new ValueCodec(
            "values", new ServiceCollection().AddSingleton<IHybridCacheSerializer<string>>(new Reversing()).BuildServiceProvider(), null, storesObjects: true, int.MaxValue);
        Assert.Equal(321, objects.Decode<int>(Key, objects.Encode(Key, "123", null)));
    }

    // An attribute can't hold such strings either.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_string_with_half_a_surrogate_pair_survives(int which)
    {
        var value = new[] { "\ud800", "a\udc00b", "\ude00\ud83d \" \\ \n \u0001 ä 😀", "\ud83d\ud83d\ude00" }[which];
        AssertSurvives(value);
        Assert.Equal(value, Back(new Named(value)).Name);
        AssertNames(Assert.Throws<InvalidOperationException>(() => _codec.Encode(Key, new Dictionary<string, int> { [value] = 1 }, null)), Key, "surrogate");
    }

    [Fact]
    public void Names_that_differ_in_case_alone_and_numbers_that_are_none_survive()
    {
        var back = Back(new TwoCases { Name = "upper", name = "lower" });
        Assert.Equal(("upper", "lower"), (back.Name, back.name));
        AssertSurvives(double.NaN);
        AssertSurvives(float.NegativeInfinity);
    }

    [Fact]
    public void What_could_not_be_read_once_is_not_tried_again()
    {
        var tries = 0;
        var codec = Codec(services => services.AddSingleton<IHybridCacheSerializer<int>>(new Failing(() => tries++)));
        var payload = FromStore(codec.Encode(Key, "text", null));
        for (var i = 0; i < 3; i++)
            Assert.Throws<InvalidOperationException>(() => codec.Decode<int>(Key, payload));
        Assert.Equal(1, tries);
        Assert.Equal("text", codec.Decode<string>(Key, payload));
    }

    private sealed class Failing(Action tried) : IHybridCacheSerializer<int>
    {
        public int Deserialize(ReadOnlySequence<byte> source)
        {
            tried();
            throw new FormatException("planted");
        }

        public void Serialize(int value, IBufferWriter<byte> target) => throw new NotSupportedException();
    }

    [SuppressMessage("Style", "IDE1006", Justification = "The names are what is tested.")]
    private sealed class TwoCases
    {
        public string Name { get; set; } = "";

        public string name { get; set; } = "";
    }

    private sealed record Named(string Name);

    private sealed record Aged
    {
        public required int Age { get; init; }
    }

    private sealed record Person(string Name, int Age, string[] Interests);

    private record struct Point(int X, int Y);

    private sealed class Ring
    {
        public Ring? Next { get; set; }
    }

    /// <summary>Two members of one name in JSON.</summary>
    private sealed class Twice
    {
        public int Value { get; set; }

        [System.Text.Json.Serialization.JsonPropertyName("Value")]
        public int Other { get; set; }
    }

    private sealed class Reversing : IHybridCacheSerializer<string>
    {
        public string Deserialize(ReadOnlySequence<byte> source) => Reverse(Encoding.UTF8.GetString(source));

        public void Serialize(string value, IBufferWriter<byte> target) =>
            target.Write(Encoding.UTF8.GetBytes(Reverse(value ?? throw new InvalidOperationException("never null"))));

        private static string Reverse(string text) => new([.. text.Reverse()]);
    }

    private sealed class Factory(string name, params Type[] types) : IHybridCacheSerializerFactory
    {
        public int Asked { get; private set; }

        public bool TryCreateSerializer<T>([NotNullWhen(true)] out IHybridCacheSerializer<T>? serializer)
        {
            Asked++;
            serializer = types.Contains(typeof(T)) ? new Naming<T>(name) : null;
            return serializer is not null;
        }
    }

    private sealed class Naming<T>(string name) : IHybridCacheSerializer<T>
    {
        public T Deserialize(ReadOnlySequence<byte> source) => throw new NotSupportedException();

        public void Serialize(T value, IBufferWriter<byte> target) => target.Write(Encoding.UTF8.GetBytes(name));
    }
}
