using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>Decorates the external store of a cache, or provides one if the cache was given none.</summary>
internal interface IStoreDecorator
{
    /// <summary>The store that the cache shall use.</summary>
    /// <param name="chosen">The chosen store; null: none.</param>
    IExternalStore Before(IExternalStore? chosen);
}
