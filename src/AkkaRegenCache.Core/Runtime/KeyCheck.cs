namespace AkkaRegenCache.Runtime;

/// <summary>What a key must be.</summary>
internal static class KeyCheck
{
    /// <summary>Throws where a key is not usable; the message names it.</summary>
    public static void Throw(string? key, int maximumLength)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Length == 0)
            throw new ArgumentException("A key must not be empty.", nameof(key));
        if (key.Length > maximumLength)
        {
            throw new ArgumentException(
                $"The key '{key[..32]}…' has {key.Length} characters; at most {maximumLength} are allowed.", nameof(key));
        }

        // A lone surrogate has no UTF-8 form: two such keys would become one in a store.
        for (var i = 0; i < key.Length; i++)
        {
            if (!char.IsSurrogate(key[i]))
                continue;
            if (i + 1 < key.Length && char.IsSurrogatePair(key[i], key[i + 1]))
                i++;
            else
                throw new ArgumentException($"The key has a lone surrogate (U+{(int)key[i]:X4}) at position {i}.", nameof(key));
        }
    }
}
