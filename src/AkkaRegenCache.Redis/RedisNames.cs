using System.Text;
using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// The names of a cache's Redis keys: <c>{prefix}:{{cache}:{key}}:s</c> the entry's state, <c>:v</c> its value, <c>:o:…</c> an operation.
/// What stands in the inner braces is the hash tag: all keys of one entry are in one slot of a Redis Cluster.
/// </summary>
/// <remarks>Braces and percent signs in names are escaped: no key can end the tag early, and no two are written alike.</remarks>
/// <param name="prefix">The prefix of all names.</param>
/// <param name="path">The cache's name, escaped; empty for the store itself.</param>
internal sealed class RedisNames(string prefix, string path)
{
    // A lone surrogate has no UTF-8 form. If it were replaced, two keys could become one.
    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    public RedisKey Epoch { get; } = Bytes(Escape(prefix) + ":epoch");

    public string Path { get; } = path;

    public string Prefix { get; } = prefix;

    public RedisNames ForCache(string cacheName)
    {
        var name = Escape(cacheName).Replace(":", "%3A", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);
        return new RedisNames(Prefix, Path.Length == 0 ? name : Path + "/" + name);
    }

    public EntryNames Of(string key) => new($"{Escape(Prefix)}:{{{Path}:{Escape(key)}}}");

    public static string Escape(string name) => name.AsSpan().IndexOfAny('%', '{', '}') < 0
        ? name
        : name.Replace("%", "%25", StringComparison.Ordinal)
            .Replace("{", "%7B", StringComparison.Ordinal)
            .Replace("}", "%7D", StringComparison.Ordinal);

    private static byte[] Bytes(string name)
    {
        try
        {
            return s_utf8.GetBytes(name);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"'{name}' holds a lone surrogate, which is no text.", e);
        }
    }

    /// <summary>The names of one entry's keys.</summary>
    internal readonly struct EntryNames(string entry)
    {
        public RedisKey State => Bytes(entry + ":s");

        public RedisKey Value => Bytes(entry + ":v");

        public RedisKey Operation(OperationId operation) => Bytes($"{entry}:o:{Escape(operation.Node)}:{operation.Number}");
    }
}
