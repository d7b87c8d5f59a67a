namespace AkkaRegenCache.Testing.Stores;

/// <summary>What a store is asked for.</summary>
public enum StoreOperation
{
    /// <summary>What a missing value asks for: a claim where the node can generate, else a read. Both count as themselves, too.</summary>
    Look,
    Read,
    Claim,
    Renew,
    Commit,
    Release,
    Write,
    Invalidate,
    Touch,
    Check,
}
