using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace AkkaRegenCache.Storage;

/// <summary>
/// Names of documents that any database accepts, whatever it does with case, blanks, accents and long keys. They contain a readable part of
/// the cache's name and the key; a hash of both makes them unique.
/// </summary>
internal static class DocumentNames
{
    private const int MostOfCache = 24;
    private const int MostOfKey = 32;
    private const int Hash = 64;

    /// <summary>The longest name.</summary>
    public const int MaximumLength = 4 + MostOfCache + 1 + MostOfKey + 1 + Hash;

    private static readonly SearchValues<char> s_plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-");

    /// <summary>The name of a key's document.</summary>
    public static string OfKey(string cache, string key) => Of(cache, key, 'k');

    /// <summary>The name of the document with a cache's epoch.</summary>
    public static string OfEpoch(string cache) => Of(cache, "epoch", 'e');

    private static string Of(string cache, string key, char kind)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}{cache.Length}:{cache}{key}"));
        return $"arc:{Plain(cache, MostOfCache)}:{Plain(key, MostOfKey)}:{Convert.ToHexStringLower(hash)}";
    }

    private static string Plain(string text, int most) =>
        string.Create(Math.Min(text.Length, most), text, static (plain, text) =>
        {
            for (var i = 0; i < plain.Length; i++)
            {
                var lower = char.IsAsciiLetterUpper(text[i]) ? (char)(text[i] | 0x20) : text[i];
                plain[i] = s_plain.Contains(lower) ? lower : '-';
            }
        });
}
