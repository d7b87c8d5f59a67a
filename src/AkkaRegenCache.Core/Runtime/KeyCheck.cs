namespace AkkaRegenCache.Runtime;

/// <summary>Validates keys.</summary>
internal static class KeyCheck
{
    /// <summary>Throws if a key is not usable; the message names it.</summary>
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

        // A lone surrogate has no UTF-8 form: two such keys could become one in a store.
        if (IndexOfLoneSurrogate(key) is >= 0 and var at)
            throw new ArgumentException($"The key has a lone surrogate (U+{(int)key[at]:X4}) at position {at}.", nameof(key));
    }

    /// <summary>The position of the first one; -1: there is none.</summary>
    public static int IndexOfLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return i;
            i++;
        }

        return -1;
    }
}
