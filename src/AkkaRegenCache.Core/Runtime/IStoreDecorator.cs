using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>Stands before whatever external store a cache was given, or in its place where it was given none.</summary>
internal interface IStoreDecorator
{
    /// <summary>The store that the cache shall use.</summary>
    /// <param name="chosen">What was chosen for it; null: nothing was.</param>
    IExternalStore Before(IExternalStore? chosen);
}
