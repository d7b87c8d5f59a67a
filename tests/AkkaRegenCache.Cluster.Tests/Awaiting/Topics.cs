using System.Collections.Concurrent;
using Akka.Actor;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Cluster.Tests.Awaiting;

/// <summary>A message of the tests'.</summary>
internal sealed record Done(string Id, string State);

/// <summary>A topic on the nodes of a test's cluster, started as in a program without a container.</summary>
internal static class Topics
{
    private static int s_probes;

    public static Task<CorrelatedAwaiting<Done, string>> StartTopicAsync(
        this TestNode node, string topic, CorrelatedAwaitingOptions<string>? options = null, LogLines? log = null) =>
        node.System.StartCorrelatedAwaitingAsync<Done, string>(
            topic,
            done => done.Id,
            options,
            log is null ? null : new ServiceCollection().AddLogging(logging => logging.AddProvider(log)).BuildServiceProvider());

    public static async Task<CorrelatedAwaiting<Done, string>[]> StartTopicAsync(
        this TestCluster cluster, string topic, CorrelatedAwaitingOptions<string>? options = null)
    {
        var nodes = new List<CorrelatedAwaiting<Done, string>>();
        foreach (var node in cluster.Nodes)
            nodes.Add(await node.StartTopicAsync(topic, options));
        await ConnectedAsync(nodes);
        return [.. nodes];
    }

    /// <summary>Waits until what any of the nodes publishes is heard by all of them.</summary>
    public static async Task ConnectedAsync(IReadOnlyList<CorrelatedAwaiting<Done, string>> nodes)
    {
        foreach (var from in nodes)
        {
            var probe = new Done($"probe {Interlocked.Increment(ref s_probes)}", "");
            var hearing = nodes.Select(node => node.Register(probe.Id)).ToList();
            await Eventually.Holds(
                async () =>
                {
                    await from.PublishAsync(probe);
                    return hearing.TrueForAll(awaiter => awaiter.Task.IsCompletedSuccessfully);
                },
                "all nodes hear each other");
        }
    }

    /// <summary>The actor and the topic of DistributedPubSub have the same name.</summary>
    public static string NameOf(string topic) => new ClusterChannel(topic).Name;

    public static Task<IActorRef> ActorAsync(this TestNode node, string topic) =>
        node.System.ActorSelection("/user/" + NameOf(topic)).ResolveOne(Eventually.Patience);

    public static IActorRef Mediator(this TestNode node) => CachePubSub.MediatorOf(node.System);
}
