using System.Buffers.Binary;
using System.Text.Json;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>A value or tombstone that the store accepted, in the store's own order.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">Its fencing token. Of a generation it is also about when the claim was granted: tokens are the store's clock in microseconds.</param>
/// <param name="IsRemoved">Whether it is a tombstone.</param>
/// <param name="Number">The number of the value it holds; 0 of a tombstone.</param>
/// <param name="IsSet">Whether the value was set.</param>
/// <param name="Due">Next due time, microseconds of the store's clock; 0: nothing scheduled.</param>
/// <param name="Ends">End of the value.</param>
/// <param name="At">When the store took it, on the machine's monotonic clock.</param>
/// <param name="StoreTime">When, in microseconds of the store's clock.</param>
/// <param name="Life">Counts the store's lives that were seen.</param>
internal sealed record AcceptedRecord(
    string Key, long Token, bool IsRemoved, long Number, bool IsSet, long Due, long Ends, long At, long StoreTime, int Life)
{
    // The least; a header tells its own length, and a later version's may have more.
    private const int HeaderLength = 48;

    // The cache's own mark before every serialized value: whether it is null.
    private const int MarkLength = 1;

    /// <summary>Reads a record as it lies in Redis (RecordHeader in the Redis package describes it); null: it isn't one.</summary>
    public static AcceptedRecord? Read(string key, ReadOnlySpan<byte> bytes, long at, long storeTime, int life)
    {
        if (bytes.Length < HeaderLength || !bytes[..4].SequenceEqual((byte[])[(byte)'A', (byte)'R', (byte)'V', 0x9e]))
            return null;
        var isRemoved = bytes[5] == 1;
        LabValue? value = null;
        var header = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        if (!isRemoved && header >= HeaderLength && bytes.Length > header + MarkLength)
        {
            try
            {
                value = JsonSerializer.Deserialize<LabValue>(bytes[(header + MarkLength)..], JsonSerializerOptions.Web);
            }
            catch (JsonException)
            {
                // Then it has the number 0, which no value has, and the checkers say so.
            }
        }

        return new AcceptedRecord(
            key,
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            isRemoved,
            value?.Number ?? 0,
            value?.IsSet ?? false,
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            at,
            storeTime,
            life);
    }
}
