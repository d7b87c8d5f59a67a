using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>On which node each shard lives, by what the nodes say: of that they are the only ones who know, and nothing is judged by it.</summary>
internal sealed class ShardHomes
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly Dictionary<int, FarmNode> _homes = [];
    private readonly int[] _ofKeys;

    private ShardHomes(IReadOnlyList<(FarmNode Node, ShardsReply Reply)> replies)
    {
        foreach (var (node, reply) in replies)
        {
            foreach (var shard in reply.Here)
                _homes[shard] = node;
        }

        Count = replies.Count > 0 ? replies[0].Reply.Count : 0;
        Oldest = replies.FirstOrDefault(reply => reply.Reply.IsOldest).Node;
        _ofKeys = replies.Count > 0 ? replies[0].Reply.OfKeys : [];
    }

    /// <summary>How many shards there are.</summary>
    public int Count { get; }

    /// <summary>Whether each shard lives somewhere.</summary>
    public bool AreComplete => Count > 0 && _homes.Count == Count;

    /// <summary>The node that gives shards their homes; null: nobody says so.</summary>
    public FarmNode? Oldest { get; }

    /// <summary>Asks nodes.</summary>
    /// <param name="nodes">Which.</param>
    /// <param name="keys">Keys whose homes are wanted too.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<ShardHomes> AskAsync(IEnumerable<FarmNode> nodes, string[] keys, CancellationToken cancellationToken)
    {
        var replies = await Task.WhenAll(nodes.Select(async node =>
        {
            try
            {
                return (Node: node, Reply: (ShardsReply?)await node.ShardsAsync(keys, cancellationToken));
            }
            catch (HttpRequestException)
            {
                return (Node: node, Reply: null);
            }
        }));
        return new ShardHomes([.. replies.Where(reply => reply.Reply is not null).Select(reply => (reply.Node, reply.Reply!))]);
    }

    /// <summary>Waits until each shard has a home, and each node some shards: a farm that has just started spreads them.</summary>
    /// <returns>Null; or what hasn't come to pass in time.</returns>
    public static async Task<string?> SettleAsync(LabFarm farm, CancellationToken cancellationToken)
    {
        try
        {
            await Wait.UntilAsync(
                async () => await AskAsync(farm.Nodes, [], cancellationToken) is { AreComplete: true } homes && farm.Nodes.All(homes.IsHome),
                s_patience, "each shard has a home, and each node some shards", cancellationToken);
            return null;
        }
        catch (TimeoutException e)
        {
            return e.Message;
        }
    }

    public int ShardsOn(FarmNode node) => _homes.Values.Count(home => home == node);

    public bool IsHome(FarmNode node) => _homes.ContainsValue(node);

    /// <summary>The node on which the shard of the i-th key lives; null: on none that was asked.</summary>
    public FarmNode? HomeOfKey(int i) => _ofKeys.Length > i ? _homes.GetValueOrDefault(_ofKeys[i]) : null;
}
