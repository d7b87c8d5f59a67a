using AkkaRegenCache.Memory;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Sends a partition of the store that has lost its records what this node's memory shows. Called on the node's loop only.
/// </summary>
internal sealed class RecoveryRecords(MemoryLayer memory, ValueCodec codec, ICoordinatorLink coordinators)
{
    /// <summary>The most bytes of values in one message.</summary>
    private const int KeptBytes = 64 * 1024;

    /// <summary>The most bytes that a record takes beside its key and value.</summary>
    private const int KeptOverhead = 64;

    /// <summary>Sends what memory shows, in messages of bounded size. Records that are too large for one are left out.</summary>
    public void Send(int shard, RecordsRecovered kept)
    {
        var records = new List<RecoveryRecord>();
        var size = 0;
        foreach (var record in kept.Records)
        {
            if (PayloadOf(record.Key) is not { Bytes: { Length: <= KeptBytes } bytes } payload || codec.IsTooLarge(record.Key, payload))
                continue;
            if (size + bytes.Length > KeptBytes)
            {
                coordinators.Send(shard, kept with { Records = records });
                (records, size) = ([], 0);
            }

            records.Add(record with { Payload = payload });
            size += bytes.Length + (record.Key.Length * 3) + KeptOverhead;
        }

        if (records.Count > 0)
            coordinators.Send(shard, kept with { Records = records });
    }

    private CachePayload? PayloadOf(string key)
    {
        if (memory.Find(key) is not { } entry || !entry.TryRead(out var value, out var payload))
            return null;
        if (payload is CachePayload { Bytes: not null } serialized)
            return serialized;
        try
        {
            return (entry.Generator as KeySource)?.Encode(key, value, codec);
        }
        catch (Exception)
        {
            // The value was set as another type than its generator makes, so its serialization is unknown here. Or the serializer threw.
            return null;
        }
    }
}
