namespace AkkaRegenCache.Demo.Farm;

/// <summary>Nodes that are processes of their own: on Redis, in an Akka cluster, or both.</summary>
internal sealed class ProcessFarm(string? redis, bool isCluster) : FarmKind
{
    private string? _seed;

    public override string Where =>
        "as processes" + (isCluster ? " of an Akka cluster" : "") + (redis is not null ? $" on Redis at {redis}" : ", which stores the values");

    public override bool IsCluster => isCluster;

    public override async Task<FarmNode> StartAsync(int number, Uri origin, bool isNewcomer, Action<string> tell)
    {
        string cluster = !isCluster ? NodeArguments.None : _seed ?? NodeArguments.First;
        ProcessNode node = await ProcessNode.StartAsync(number, new NodeArguments(origin, redis, cluster, isNewcomer), tell);
        _seed ??= node.ClusterAddress;
        return node;
    }
}
