namespace AkkaRegenCache.Awaiting;

/// <summary>A topic that is registered in a container.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Start">Makes this node's object for it, which subscribes.</param>
internal sealed record CorrelatedTopic(string Name, Action<IServiceProvider> Start)
{
    /// <summary>Under which key a topic's own serializers are registered: a cache may have the topic's name.</summary>
    public static string SerializerKey(string topic) => "correlated:" + topic;
}
