using Akka.Cluster.TestKit;
using Akka.Configuration;
using Akka.Remote.TestKit;
using AkkaRegenCache.Hosting;

[assembly: Xunit.TestFramework("Akka.MultiNode.TestAdapter.MultiNodeTestFramework", "Akka.MultiNode.TestAdapter")]

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>Three processes. What is between them can be cut; nobody is downed for it unless a spec says so.</summary>
public class ThreeNodes : MultiNodeConfig
{
    public ThreeNodes()
        : this("1 h")
    {
    }

    protected ThreeNodes(string downedAfter)
    {
        First = Role("first");
        Second = Role("second");
        Third = Role("third");
        TestTransport = true;
        CommonConfig = ConfigurationFactory.ParseString($$"""
            akka {
              loglevel = WARNING
              log-dead-letters = off
              cluster {
                split-brain-resolver.stable-after = {{downedAfter}}
                down-removal-margin = 1 s
                failure-detector { heartbeat-interval = 300 ms, acceptable-heartbeat-pause = 2 s }
                pub-sub.gossip-interval = 200 ms
                sharding { waiting-for-state-timeout = 1 s, updating-state-timeout = 1 s, distributed-data.gossip-interval = 200 ms }
              }
              regencache.sharding.retry-interval = 200 ms
              # A node that has left still comes to the barriers.
              coordinated-shutdown { terminate-actor-system = off, run-by-actor-system-terminate = off, run-by-clr-shutdown-hook = off }
            }
            """)
            .WithFallback(RegenClusterConfig.Default)
            .WithFallback(DebugConfig(false))
            .WithFallback(MultiNodeClusterSpec.ClusterConfig());
    }

    public RoleName First { get; }

    public RoleName Second { get; }

    public RoleName Third { get; }
}

/// <summary>The same, and the majority soon downs who can't be reached.</summary>
public sealed class ThreeNodesThatDown : ThreeNodes
{
    public ThreeNodesThatDown()
        : base("2 s")
    {
    }
}
