using System.Runtime.InteropServices;
using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

/// <summary>Short forms for the tests of the memory layer.</summary>
internal static class Layers
{
    public static MemoryLayer Of(long maxEntries, long? maxBytes = null, MemoryPolicy policy = MemoryPolicy.Evict) =>
        new(new MemoryLayerOptions { MaxEntries = maxEntries, MaxBytes = maxBytes, Policy = policy });

    public static SetOutcome Put(this MemoryLayer layer, string key, object? value, int size = 1, long token = 1) =>
        layer.Set(key, value, payload: null, generator: null, token, size, out _);

    /// <summary>A hit, as the facade does it.</summary>
    public static object? Read(this MemoryLayer layer, string key)
    {
        if (!layer.TryGet(key, out MemoryEntry? entry))
            return null;
        entry.OnHit(layer.Epoch);
        return entry.Value;
    }

    public static List<string> Keys(this MemoryLayer layer)
    {
        var keys = new List<string>();
        foreach (MemoryEntry entry in layer)
            keys.Add(entry.Key);
        return keys;
    }

    /// <summary>A hash whose second secret is known, so that all of <see cref="CollidingKey"/> get the same.</summary>
    public static KeyHash BrokenHash() => new(first: 12345, second: MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes("AAAA".AsSpan())));

    public static string CollidingKey(int number) => $"AAAA{number:D4}";
}
