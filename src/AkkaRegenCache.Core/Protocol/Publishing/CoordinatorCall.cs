namespace AkkaRegenCache.Protocol;

/// <summary>A message to the coordinator of a shard.</summary>
internal sealed class CoordinatorCall(int shard, ToCoordinator message)
{
    public int Shard { get; } = shard;

    public ToCoordinator Message { get; } = message;
}
