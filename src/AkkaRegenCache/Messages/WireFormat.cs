using System.Collections.Frozen;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>The format of one type of message.</summary>
/// <param name="Type">The type.</param>
/// <param name="Manifest">Its name on the wire; the digit at its end is its version.</param>
/// <param name="Write">Writes it.</param>
/// <param name="Read">Reads it.</param>
internal sealed record Format(Type Type, string Manifest, Action<WireWriter, object> Write, Func<WireReader, object> Read)
{
    public static Format Of<T>(string manifest, Action<WireWriter, T> write, Func<WireReader, T> read)
        where T : notnull => new(typeof(T), manifest, (writer, message) => write(writer, (T)message), reader => read(reader));
}

/// <summary>
/// The wire format of all messages. A manifest is the name of the innermost message after its frames, one character each: <c>&gt;</c> to a
/// shard, <c>?</c> a request to a store, <c>!</c> its answer. So a shard's claim is <c>&gt;?c1</c>. The frames' own fields come first.
/// </summary>
internal static class WireFormat
{
    private const char ToShardFrame = '>';
    private const char AskFrame = '?';
    private const char ReplyFrame = '!';

    private static readonly Format[] s_all = [.. CoordinatorFormats.All, .. StoreFormats.All, .. ClusterFormats.All];
    private static readonly FrozenDictionary<Type, Format> s_byType = s_all.ToFrozenDictionary(f => f.Type);
    private static readonly FrozenDictionary<string, Format> s_byManifest =
        s_all.ToFrozenDictionary(f => f.Manifest, StringComparer.Ordinal);

    public static IReadOnlyList<Format> All => s_all;

    /// <summary>The format of a message without its frames.</summary>
    public static Format Of(object message) => s_byType.TryGetValue(message.GetType(), out var format)
        ? format
        : throw new ArgumentException($"A {message.GetType()} isn't sent over the wire.");

    public static string ManifestOf(object message) => message switch
    {
        UnknownMessage unknown => unknown.Manifest,
        ToShard to => ToShardFrame + ManifestOf(to.Body),
        ToNode to => ManifestOf(to.Body),
        StoreAsk ask => AskFrame + Of(ask.Request).Manifest,
        StoreReply reply => ReplyFrame + Of(reply.Answer).Manifest,
        _ => Of(message).Manifest,
    };

    public static byte[] Write(object message)
    {
        using var writer = new WireWriter();
        Write(writer, message);
        return writer.ToArray();
    }

    /// <summary>Reads a message. An unknown one becomes an <see cref="UnknownMessage"/>, in its shard's frame if it has one.</summary>
    /// /// <exception cref="FormatException">The bytes are invalid.</exception>
    public static object Read(byte[] bytes, string manifest)
    {
        var reader = new WireReader(bytes);
        object message;
        if (manifest.StartsWith(ToShardFrame))
        {
            var shard = reader.Int();
            message = new ToShard(shard, ReadBody(reader, manifest, manifest.AsSpan(1)) ?? new UnknownMessage(manifest));
        }
        else
        {
            message = ReadBody(reader, manifest, manifest) is { } body ? new ToNode(body) : new UnknownMessage(manifest);
        }

        if (!reader.IsAtEnd && (message as ToShard)?.Body is not UnknownMessage && message is not UnknownMessage)
            throw new FormatException("more than was expected");
        return message;
    }

    private static object? ReadBody(WireReader reader, string whole, ReadOnlySpan<char> manifest)
    {
        var frame = manifest.IsEmpty ? ' ' : manifest[0];
        if (frame is not (AskFrame or ReplyFrame))
            return Find(manifest)?.Read(reader);
        if (Find(manifest[1..]) is not { } format)
            return null;
        var id = reader.Long();
        var length = reader.PayloadLength();
        var content = format.Read(reader);
        if (frame == ReplyFrame)
        {
            var answer = content as StoreAnswer ?? throw new FormatException($"'{whole}' is no answer");
            return length == 0 || StorePayloads.RecordOf(answer) is not null
                ? new StoreReply(id, answer, length)
                : throw new FormatException($"'{whole}' has no record whose value could come apart");
        }

        if (content is not (StoreRequest or RenewBatch or TouchBatch or CheckBatch))
            throw new FormatException($"'{whole}' is no request");
        return length == 0 || content is CommitRequest or WriteRequest
            ? new StoreAsk(id, content, length)
            : throw new FormatException($"'{whole}' has no value that could come apart");
    }

    private static Format? Find(ReadOnlySpan<char> manifest) =>
        s_byManifest.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(manifest, out var format) ? format : null;

    private static void Write(WireWriter writer, object message)
    {
        switch (message)
        {
            case UnknownMessage:
                break;
            case ToShard to:
                writer.Int(to.Shard);
                Write(writer, to.Body);
                break;
            case ToNode to:
                Write(writer, to.Body);
                break;
            case StoreAsk ask:
                writer.Long(ask.Id);
                writer.Int(ask.PayloadLength);
                Of(ask.Request).Write(writer, ask.Request);
                break;
            case StoreReply reply:
                writer.Long(reply.Id);
                writer.Int(reply.PayloadLength);
                Of(reply.Answer).Write(writer, reply.Answer);
                break;
            default:
                Of(message).Write(writer, message);
                break;
        }
    }
}
