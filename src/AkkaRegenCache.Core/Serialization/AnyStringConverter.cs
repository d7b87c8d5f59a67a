using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AkkaRegenCache.Serialization;

/// <summary>
/// Strings as they are: one with half a surrogate pair, which UTF-8 can't hold, is written with its escape (<c>\ud800</c>) and read back. System.Text.Json writes
/// a replacement character for it, without a word, and doesn't read the escape. Thread-safe.
/// </summary>
internal sealed class AnyStringConverter : JsonConverter<string>
{
    private static readonly SearchValues<char> s_surrogates = SearchValues.Create([.. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String || !reader.ValueIsEscaped)
            return reader.GetString();
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return Unescape(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
        }
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (IsText(value))
            writer.WriteStringValue(value);
        else
            writer.WriteRawValue(Escape(value), skipInputValidation: true);
    }

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

    /// <exception cref="JsonException">It has half a surrogate pair, which the name of a property can't.</exception>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (!IsText(value))
            throw new JsonException("A dictionary's key has half a surrogate pair: only values may. Use other keys, or a serializer of your own.");
        writer.WritePropertyName(value);
    }

    private static bool IsText(string value)
    {
        var first = value.AsSpan().IndexOfAny(s_surrogates);
        for (var i = first; (uint)i < (uint)value.Length; i++)
        {
            if (!char.IsSurrogate(value[i]))
                continue;
            if (!char.IsHighSurrogate(value[i]) || i + 1 == value.Length || !char.IsLowSurrogate(value[i + 1]))
                return false;
            i++;
        }

        return true;
    }

    private static string Escape(string value)
    {
        var text = new StringBuilder(value.Length * 2).Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\' or < ' ' || char.IsSurrogate(c))
                text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                text.Append(c);
        }

        return text.Append('"').ToString();
    }

    private static string Unescape(ReadOnlySpan<byte> escaped)
    {
        var raw = Encoding.UTF8.GetString(escaped);
        var text = new StringBuilder(raw.Length);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }

            // The reader has made sure that a whole escape follows.
            i++;
            if (raw[i] == 'u')
            {
                text.Append((char)int.Parse(raw.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                i += 4;
                continue;
            }

            text.Append(raw[i] switch
            {
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                var other => other,
            });
        }

        return text.ToString();
    }
}
