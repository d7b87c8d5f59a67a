using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Hybrid;

namespace AkkaRegenCache.Serialization;

/// <summary>
/// Turns values into payloads and back. A type's serializer is the registered <see cref="IHybridCacheSerializer{T}"/>, else one of a
/// registered <see cref="IHybridCacheSerializerFactory"/>, else System.Text.Json.
/// </summary>
/// <remarks>
/// One byte goes before the serialized value and says whether there is one: so null is a value for every serializer, also for those that
/// can't write it. Thread-safe.
/// </remarks>
internal sealed class ValueCodec(IServiceProvider? services, JsonSerializerOptions? json, bool storesObjects, int maximumPayloadBytes)
{
    private const byte NullMark = 0;
    private const byte ValueMark = 1;
    private const int UnknownSize = 64;

    private readonly ConcurrentDictionary<Type, object> _serializers = new();
    private readonly JsonSerializerOptions _json = json ?? DefaultJson();

    /// <summary>Makes a payload of a value; serialized, where the store needs it.</summary>
    /// <exception cref="InvalidOperationException">The type can't be serialized.</exception>
    public CachePayload Encode<T>(string key, T value, EntryProfile? profile)
    {
        object? boxed = value;
        if (storesObjects)
            return CachePayload.FromValue(boxed, profile?.Size ?? SizeOf(boxed));

        var buffer = new ArrayBufferWriter<byte>(256);
        buffer.GetSpan(1)[0] = boxed is null ? NullMark : ValueMark;
        buffer.Advance(1);
        if (boxed is not null)
        {
            try
            {
                SerializerOf<T>().Serialize(value, buffer);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new InvalidOperationException($"The value of '{key}' ({typeof(T)}) can't be serialized: {e.Message}", e);
            }
        }

        var bytes = buffer.WrittenSpan.ToArray();
        return CachePayload.FromValue(boxed, profile?.Size ?? bytes.Length, bytes);
    }

    /// <summary>Whether a payload is too large for the store.</summary>
    public bool IsTooLarge(CachePayload payload) => payload.Bytes is { } bytes && bytes.Length > maximumPayloadBytes;

    /// <summary>Gets the value out of a payload, and leaves it there for the next one who asks.</summary>
    /// <exception cref="InvalidOperationException">It is of another type, or its bytes are not those of one.</exception>
    public T Decode<T>(string key, CachePayload payload)
    {
        if (payload.HasValue)
        {
            if (TryCast<T>(payload.Value, out var known))
                return known;
            if (payload.Bytes is null)
                throw WrongType<T>(key, payload.Value);
        }

        var bytes = payload.Bytes!.Value;
        if (bytes.Length == 0 || bytes.Span[0] > ValueMark)
            throw new InvalidOperationException($"'{key}' holds bytes that are not a value of this cache.");
        if (bytes.Span[0] == NullMark)
        {
            if (default(T) is not null)
                throw WrongType<T>(key, null);
            payload.Resolve(null);
            return default!;
        }

        T value;
        try
        {
            value = SerializerOf<T>().Deserialize(new ReadOnlySequence<byte>(bytes[1..]));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new InvalidOperationException($"'{key}' holds a value that can't be read as {typeof(T)}: {e.Message}", e);
        }

        payload.Resolve(value);
        return value;
    }

    public static bool TryCast<T>(object? value, [MaybeNullWhen(false)] out T typed)
    {
        if (value is T same)
        {
            typed = same;
            return true;
        }

        typed = default;
        return value is null && default(T) is null;
    }

    public static InvalidOperationException WrongType<T>(string key, object? value) =>
        new($"'{key}' holds {(value is null ? "null" : $"a value of type {value.GetType()}")}, which is not a {typeof(T)}.");

    private static int SizeOf(object? value) => value switch
    {
        null => UnknownSize,
        string s => checked(22 + (2 * s.Length)),
        Array a when a.GetType().GetElementType() is { IsPrimitive: true } => 24 + Buffer.ByteLength(a),
        _ => UnknownSize,
    };

    private IHybridCacheSerializer<T> SerializerOf<T>()
    {
        if (_serializers.TryGetValue(typeof(T), out var found))
            return (IHybridCacheSerializer<T>)found;

        var serializer = (IHybridCacheSerializer<T>?)services?.GetService(typeof(IHybridCacheSerializer<T>));
        if (serializer is null && services?.GetService(typeof(IEnumerable<IHybridCacheSerializerFactory>)) is
            IEnumerable<IHybridCacheSerializerFactory> factories)
        {
            foreach (var factory in factories.Reverse())
            {
                if (factory.TryCreateSerializer<T>(out serializer))
                    break;
            }
        }

        return (IHybridCacheSerializer<T>)_serializers.GetOrAdd(typeof(T), serializer ?? new JsonValueSerializer<T>(_json));
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only where the application has reflection-based JSON; else it registers a serializer or gives options with a resolver.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    private static JsonSerializerOptions DefaultJson()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { IncludeFields = true };

        // Without reflection (native AOT, trimming) none is known: objects that stay in this process need none, and for others the error names the type.
        options.TypeInfoResolver = JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : JsonTypeInfoResolver.Combine();
        options.MakeReadOnly();
        return options;
    }

    private sealed class JsonValueSerializer<T>(JsonSerializerOptions options) : IHybridCacheSerializer<T>
    {
        private readonly JsonTypeInfo<T> _type = (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));

        public T Deserialize(ReadOnlySequence<byte> source)
        {
            var reader = new Utf8JsonReader(source);
            return JsonSerializer.Deserialize(ref reader, _type)!;
        }

        public void Serialize(T value, IBufferWriter<byte> target)
        {
            using var writer = new Utf8JsonWriter(target);
            JsonSerializer.Serialize(writer, value, _type);
        }
    }
}
