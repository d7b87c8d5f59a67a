using System.Buffers.Binary;
using System.IO.Compression;

namespace AkkaRegenCache.Demo.Load;

/// <summary>Says which key the next request reads. Used by one thread.</summary>
internal abstract class KeySource
{
    public abstract string Description { get; }

    public abstract int Next();
}

/// <summary>Key k is read in proportion to 1/k (Zipf's law with exponent 1), about what popularity on the web looks like.</summary>
internal sealed class ZipfKeys : KeySource
{
    // A fixed seed: every run of the demo reads the same keys in the same order.
    private readonly Random _random = new(20260101);
    private readonly double[] _cumulated;

    public ZipfKeys(int keys)
    {
        _cumulated = new double[keys];
        double sum = 0;
        for (int k = 0; k < keys; k++)
            _cumulated[k] = sum += 1.0 / (k + 1);
    }

    public override string Description => $"{_cumulated.Length:N0} keys, Zipf-skewed";

    public override int Next()
    {
        int found = Array.BinarySearch(_cumulated, _random.NextDouble() * _cumulated[^1]);
        return Math.Min(found < 0 ? ~found : found, _cumulated.Length - 1);
    }
}

/// <summary>The keys of a recorded trace, in their order; again from the start when it ends.</summary>
internal sealed class TraceKeys : KeySource
{
    private readonly int[] _keys;
    private readonly string _name;
    private int _next;

    private TraceKeys(string name, int[] keys)
    {
        _name = name;
        _keys = keys;
    }

    public override string Description => $"trace {_name}: {_keys.Length:N0} requests to {_keys.Distinct().Count():N0} keys";

    /// <exception cref="UsageException">The file isn't there, can't be read, or isn't a trace.</exception>
    public static TraceKeys Load(string path)
    {
        byte[] bytes;
        try
        {
            using var zipped = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            using var plain = new MemoryStream();
            zipped.CopyTo(plain);
            bytes = plain.ToArray();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException)
        {
            throw new UsageException($"The trace '{path}' can't be read: {error.Message}", error);
        }

        if (bytes.Length == 0 || bytes.Length % sizeof(int) != 0)
            throw new UsageException($"The trace '{path}' is not one: {bytes.Length:N0} bytes are no sequence of 32-bit integers.");

        int[] keys = new int[bytes.Length / sizeof(int)];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(i * sizeof(int)));
        return new TraceKeys(Path.GetFileName(path), keys);
    }

    public override int Next()
    {
        int key = _keys[_next];
        _next = (_next + 1) % _keys.Length;
        return key;
    }
}
