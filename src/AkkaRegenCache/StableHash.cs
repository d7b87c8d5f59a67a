namespace AkkaRegenCache;

/// <summary>
/// The hash that gives a key its shard: the same on every node, in every process and every version (FNV-1a of 32 bits over the UTF-16 code units, low byte
/// first, and the end of MurmurHash3, which spreads keys that differ in their last characters only). <see cref="string.GetHashCode()"/> differs between
/// processes.
/// </summary>
internal static class StableHash
{
    /// <summary>The hash of a key.</summary>
    public static uint Of(string key)
    {
        var hash = 2166136261u;
        foreach (var unit in key)
        {
            hash = (hash ^ (byte)unit) * 16777619u;
            hash = (hash ^ (byte)(unit >> 8)) * 16777619u;
        }

        hash ^= hash >> 16;
        hash *= 0x85ebca6bu;
        hash ^= hash >> 13;
        hash *= 0xc2b2ae35u;
        hash ^= hash >> 16;
        return hash;
    }

    /// <summary>The shard of a key.</summary>
    public static int ShardOf(string key, int shards) => (int)(Of(key) % (uint)shards);
}
