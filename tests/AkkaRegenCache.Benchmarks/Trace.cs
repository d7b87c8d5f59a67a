using System.Buffers.Binary;
using System.IO.Compression;

namespace AkkaRegenCache.Benchmarks;

/// <summary>A sequence of requests: <c>Requests[i]</c> is an index into <c>Keys</c>, which holds each distinct key once.</summary>
internal sealed record Trace(string Name, int[] Requests, string[] Keys)
{
    /// <summary>2, 10 and 30 % of the distinct keys.</summary>
    public int[] Capacities => [Partition(2), Partition(10), Partition(30)];

    private int Partition(int percent) => Math.Max(1, (int)((long)Keys.Length * percent / 100));

    /// <summary>Reads gzip over big-endian 32-bit keys.</summary>
    public static Trace Read(string path)
    {
        using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        ReadOnlySpan<byte> all = bytes.GetBuffer().AsSpan(0, (int)bytes.Length);
        var keys = new int[all.Length / sizeof(int)];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = BinaryPrimitives.ReadInt32BigEndian(all[(i * sizeof(int))..]);
        string name = Path.GetFileName(path);
        return From(name[..name.IndexOf('.', StringComparison.Ordinal)], keys);
    }

    /// <summary>Numbers the keys in the order of their first request.</summary>
    public static Trace From(string name, IReadOnlyList<int> requests)
    {
        var numbers = new Dictionary<int, int>();
        var keys = new List<string>();
        var numbered = new int[requests.Count];
        for (int i = 0; i < numbered.Length; i++)
        {
            if (!numbers.TryGetValue(requests[i], out int number))
            {
                numbers.Add(requests[i], number = keys.Count);
                keys.Add($"key:{requests[i]}");
            }

            numbered[i] = number;
        }

        return new Trace(name, numbered, [.. keys]);
    }
}
