using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace AkkaRegenCache.Memory;

/// <summary>
/// The keys' hash: a multiplication of 64 by 64 bits for every eight characters, folded, as in wyhash (Wang Yi, public domain), under two
/// secrets drawn for each layer. It takes a third of the time of <see cref="string.GetHashCode()"/>. It is not a cryptographic hash, but
/// without the secrets there is no known way to make keys collide. If a way is found, <see cref="EntryTable"/> notices the collisions and
/// changes to the platform's randomized hash.
/// </summary>
internal readonly struct KeyHash(ulong first, ulong second)
{
    private readonly ulong _first = first;
    private readonly ulong _second = second;

    /// <summary>A hash with secrets of its own.</summary>
    public static KeyHash Random()
    {
        Span<ulong> secrets = stackalloc ulong[2];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secrets));
        return new KeyHash(secrets[0], secrets[1]);
    }

    /// <summary>The hash of a key; the same for the life of the layer, and good in all its bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Of(string key)
    {
        ref byte at = ref Unsafe.As<char, byte>(ref MemoryMarshal.GetReference(key.AsSpan()));
        int left = key.Length * sizeof(char);
        ulong hash = _first ^ (uint)left;
        while (left > 16)
        {
            hash = Fold(Eight(ref at) ^ _second, Eight(ref Unsafe.Add(ref at, 8)) ^ hash);
            at = ref Unsafe.Add(ref at, 16);
            left -= 16;
        }

        ulong head, tail;
        if (left >= 8)
        {
            // The two reads overlap if fewer than sixteen bytes are left, which is cheaper than a loop over the rest.
            head = Eight(ref at);
            tail = Eight(ref Unsafe.Add(ref at, left - 8));
        }
        else if (left >= 4)
        {
            head = Unsafe.ReadUnaligned<uint>(ref at);
            tail = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref at, left - 4));
        }
        else
        {
            head = left == 0 ? 0UL : Unsafe.ReadUnaligned<ushort>(ref at);
            tail = 0;
        }

        hash = Fold(head ^ _second, tail ^ hash);

        // With unlucky secrets one of the last two factors is almost constant, and folding by a constant distributes badly.
        hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93;
        return (uint)(hash >> 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Eight(ref byte at) => Unsafe.ReadUnaligned<ulong>(ref at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Fold(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return high ^ low;
    }
}
