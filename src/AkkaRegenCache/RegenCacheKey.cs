namespace AkkaRegenCache;

/// <summary>
/// The key under which the actor of this node's first cache is found in Akka's <c>ActorRegistry</c>: <c>IRequiredActor&lt;RegenCacheKey&gt;</c>. Further
/// caches are given keys of their own, with <c>WithRegenCache&lt;TKey&gt;(…)</c>.
/// </summary>
public sealed class RegenCacheKey
{
    private RegenCacheKey()
    {
    }
}
