namespace AkkaRegenCache.Testing.Stores;

/// <summary>What a store is asked for.</summary>
public enum StoreOperation
{
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
