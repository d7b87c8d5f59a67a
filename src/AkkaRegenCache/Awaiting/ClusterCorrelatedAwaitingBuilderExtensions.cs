using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts correlated awaiting on an Akka.NET cluster.</summary>
public static class ClusterCorrelatedAwaitingBuilderExtensions
{
    /// <summary>
    /// Carries the topic's messages through the application's cluster, by a topic of DistributedPubSub. The actor system must know it too:
    /// <c>services.AddAkka(…, akka =&gt; akka.….WithCorrelatedAwaiting&lt;TMessage, TKey&gt;(topic))</c>.
    /// </summary>
    /// <remarks>
    /// While the cluster isn't up, and when this node has left it, messages reach this node's awaiters only. What is missing of the wiring
    /// ends the host's start with an <see cref="InvalidOperationException"/>, which tells the line to add.
    /// </remarks>
    /// <param name="builder">The topic's registration. Of this and <c>UseRedis</c> the last call counts.</param>
    public static CorrelatedAwaitingBuilder UseCluster(this CorrelatedAwaitingBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var topic = builder.Topic;
        builder.Services.AddSingleton(new ClusterTopicName(topic));
        builder.Services.TryAddSingleton<CorrelatedTopics>();
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, CorrelatedTopics>(
            static provider => provider.GetRequiredService<CorrelatedTopics>()));
        return builder.UseChannel(_ => new ClusterChannel(topic));
    }
}
