using System.Globalization;
using Akka.Cluster.Sharding;
using AkkaRegenCache.Messages;

namespace AkkaRegenCache.Hosting;

/// <summary>Each shard has one entity, of the same name: its number.</summary>
internal sealed class ShardExtractor : IMessageExtractor
{
    private readonly string[] _names;

    public ShardExtractor(int shards)
    {
        _names = [.. Enumerable.Range(0, shards).Select(shard => shard.ToString(CultureInfo.InvariantCulture))];
    }

    // The shard does not exist: the sender has another number of shards. The message is dropped.
    public string? EntityId(object message) =>
        message is ToShard { Shard: var shard } && (uint)shard < (uint)_names.Length ? _names[shard] : null;

    public object? EntityMessage(object message) => message;

    [Obsolete("Akka asks for the shard of an entity.")]
    public string? ShardId(object message) => EntityId(message);

    public string ShardId(string entityId, object? messageHint = null) => entityId;
}
