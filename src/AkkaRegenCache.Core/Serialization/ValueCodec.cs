using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Serialization;

/// <summary>
/// Turns values into payloads and back. A type's serializer is the <see cref="IHybridCacheSerializer{T}"/> registered for this cache, else one of an
/// <see cref="IHybridCacheSerializerFactory"/> of this cache; then the same of the application; else System.Text.Json.
/// </summary>
/// <remarks>
/// <para>
/// A <see cref="ValueEnvelope"/> goes around the serialized value and says whether there is one: so null is a value for every serializer, also for those that
/// can't write it.
/// </para>
/// <para>
/// A value that is asked for as another type than it was made as goes through the serializers, also where it has never left this process: so whether it can be
/// read, and as what, is the same on every node and with every store. Thread-safe.
/// </para>
/// </remarks>
internal sealed partial class ValueCodec(string cacheName, IServiceProvider? services, JsonSerializerOptions? json, bool storesObjects, int maximumPayloadBytes)
{
    private const int UnknownSize = 64;

    private int _tooLargeSeen;

    private readonly ConcurrentDictionary<Type, object> _serializers = new();
    private readonly ConcurrentDictionary<Type, Action<object, IBufferWriter<byte>>> _writers = new();
    private readonly JsonSerializerOptions _json =
        DefaultJson.Complete(json ?? services.Keyed<JsonSerializerOptions>(typeof(IHybridCacheSerializer<>)) ?? DefaultJson.Options);

    /// <summary>For tests: what a later release might put into envelopes; null: nothing.</summary>
    public IValueFields? Fields { get; init; }

    /// <summary>Makes a payload of a value; serialized, where the store needs it.</summary>
    /// <exception cref="InvalidOperationException">The type can't be serialized.</exception>
    public CachePayload Encode<T>(string key, T value, EntryProfile? profile)
    {
        object? boxed = value;
        if (boxed is not null)
            Remember<T>(boxed.GetType());
        if (storesObjects)
            return CachePayload.FromValue(boxed, profile?.Size ?? SizeOf(boxed));

        var buffer = new ArrayBufferWriter<byte>(256);
        ValueEnvelope.Write(buffer, boxed is not null, Fields?.Of(key));
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

    /// <summary>Hears of the first value that is too large for the store; null: nobody does.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Whether a payload is too large for the store. The first one is logged.</summary>
    public bool IsTooLarge(string key, CachePayload payload)
    {
        if (payload.Bytes is not { } bytes || bytes.Length <= maximumPayloadBytes)
            return false;
        if (Logger is { } logger && Interlocked.Exchange(ref _tooLargeSeen, 1) == 0)
            LogTooLarge(logger, cacheName, key, bytes.Length, maximumPayloadBytes);
        return true;
    }

    [LoggerMessage(19, LogLevel.Warning,
        "Cache {CacheName}: the value of '{Key}' has {Length} bytes, more than MaximumPayloadBytes ({Maximum}). It is kept in this node's memory only, and other "
        + "nodes make their own. Further ones are not reported.")]
    private static partial void LogTooLarge(ILogger logger, string cacheName, string key, int length, int maximum);

    /// <summary>Gets the value out of a payload, and leaves it there for the next one who asks.</summary>
    /// <param name="key">Its key, for the error.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="value">The value.</param>
    /// <param name="error">Why there is none: it is of another type, or its bytes are not those of one.</param>
    public bool TryDecode<T>(string key, CachePayload payload, [MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out Exception? error)
    {
        error = null;
        if (payload.HasValue && TryCast(payload.Value, out value))
            return true;
        value = default;
        error = payload.WhyUnreadable(typeof(T));
        if (error is not null)
            return false;
        if (payload.Bytes is not { } bytes)
            return TryConvert(key, payload.Value, out value, out error);
        if (payload.HasValue)
            return TryRead(key, bytes, out value, out error);
        lock (payload)
            return TryReadOnce(key, payload, bytes, out value, out error);
    }

    /// <summary>Several who read it at the same time share what the first of them makes.</summary>
    private bool TryReadOnce<T>(
        string key, CachePayload payload, ReadOnlyMemory<byte> bytes, [MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out Exception? error)
    {
        if (payload.HasValue && TryCast(payload.Value, out value))
        {
            error = null;
            return true;
        }

        if (!TryRead(key, bytes, out value, out error))
        {
            // All who ask for it as this type find the same.
            payload.NoteUnreadable(typeof(T), error);
            return false;
        }

        if (!payload.HasValue)
            payload.Resolve(value);
        return true;
    }

    /// <summary>Makes of a value that this process holds what another node would read as another type.</summary>
    public bool TryConvert<T>(string key, object? value, [MaybeNullWhen(false)] out T converted, [NotNullWhen(false)] out Exception? error)
    {
        error = null;
        if (TryCast(value, out converted))
            return true;
        if (value is null)
        {
            error = WrongType<T>(key, null);
            return false;
        }

        var buffer = new ArrayBufferWriter<byte>(256);
        ValueEnvelope.Write(buffer, hasValue: true);
        try
        {
            Write(value, buffer);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            error = WrongType<T>(key, value);
            return false;
        }

        if (TryRead(key, buffer.WrittenMemory, out converted, out var unreadable))
            return true;
        error = new InvalidOperationException($"{WrongType<T>(key, value).Message} {unreadable.Message}", unreadable.InnerException);
        return false;
    }

    private bool TryRead<T>(string key, ReadOnlyMemory<byte> bytes, [MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out Exception? error)
    {
        value = default;
        error = null;
        if (!ValueEnvelope.TryRead(bytes, Fields is { } known ? known.Understands : null, out var hasValue, out var content, out var why))
        {
            error = new InvalidOperationException($"What '{key}' holds {why}.");
            return false;
        }

        if (!hasValue)
        {
            if (default(T) is not null)
                error = WrongType<T>(key, null);
            return error is null;
        }

        try
        {
            value = SerializerOf<T>().Deserialize(new ReadOnlySequence<byte>(content));
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            error = new InvalidOperationException($"'{key}' holds a value that can't be read as {typeof(T)}: {e.Message}", e);
            return false;
        }
    }

    /// <summary>How a value of this very type is written: as its caller's type is, which may be one of its bases.</summary>
    private void Remember<T>(Type type)
    {
        if (!_writers.ContainsKey(type))
            _writers.TryAdd(type, (value, target) => SerializerOf<T>().Serialize((T)value, target));
    }

    private void Write(object value, IBufferWriter<byte> target)
    {
        if (_writers.TryGetValue(value.GetType(), out var write))
        {
            write(value, target);
            return;
        }

        using var writer = new Utf8JsonWriter(target);
        JsonSerializer.Serialize(writer, value, _json.GetTypeInfo(value.GetType()));
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

        var serializer = services.Keyed<IHybridCacheSerializer<T>>(cacheName) ?? Made<T>(services.Keyed<IEnumerable<IHybridCacheSerializerFactory>>(cacheName))
            ?? services.Of<IHybridCacheSerializer<T>>() ?? Made<T>(services.Of<IEnumerable<IHybridCacheSerializerFactory>>())
            ?? new JsonValueSerializer<T>(services.Keyed<JsonSerializerOptions>(typeof(IHybridCacheSerializer<T>)) is { } own ? DefaultJson.Complete(own) : _json);
        return (IHybridCacheSerializer<T>)_serializers.GetOrAdd(typeof(T), serializer);
    }

    private static IHybridCacheSerializer<T>? Made<T>(IEnumerable<IHybridCacheSerializerFactory>? factories)
    {
        foreach (var factory in factories?.Reverse() ?? [])
        {
            if (factory.TryCreateSerializer<T>(out var serializer))
                return serializer;
        }

        return null;
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
