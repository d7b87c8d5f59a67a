namespace AkkaRegenCache.FarmLab.Origin;

/// <summary>One generation, or one number given to a set, as the origin wrote it down.</summary>
/// <param name="Key">The key.</param>
/// <param name="Number">The origin's count for the key.</param>
/// <param name="Node">The node incarnation that asked.</param>
/// <param name="Token">The fencing token under which it asked; 0: none.</param>
/// <param name="Begun">When the origin began.</param>
/// <param name="Ended">When it ended; null where the log doesn't say (yet).</param>
/// <param name="IsCancelled">Whether the node that asked had gone before the answer was ready.</param>
/// <param name="IsSet">Whether no generation, but a number for a set.</param>
internal sealed record OriginRun(
    string Key, long Number, string Node, long Token, long Begun, long? Ended, bool IsCancelled, bool IsSet);
