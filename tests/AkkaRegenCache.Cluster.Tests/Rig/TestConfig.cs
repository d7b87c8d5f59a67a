using Akka.Configuration;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.Cluster.Tests.Rig;

/// <summary>The HOCON of a node of a test's cluster: on a free port, and quick to notice everything.</summary>
internal static class TestConfig
{
    public static Config Node { get; } = ConfigurationFactory.ParseString("""
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          log-dead-letters = off
          loggers = []
          actor.provider = cluster
          remote {
            log-remote-lifecycle-events = off
            dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
          }
          cluster {
            log-info = off
            gossip-interval = 100 ms
            leader-actions-interval = 100 ms
            periodic-tasks-initial-delay = 50 ms
            unreachable-nodes-reaper-interval = 100 ms
            failure-detector { heartbeat-interval = 200 ms, acceptable-heartbeat-pause = 1500 ms }
            split-brain-resolver.stable-after = 1 s
            down-removal-margin = 1 s
            distributed-data { gossip-interval = 100 ms, notify-subscribers-interval = 100 ms }
            sharding.distributed-data.gossip-interval = 100 ms
          }
          regencache { pub-sub.gossip-interval = 100 ms, singleton.hand-over-retry-interval = 200 ms }
          regencache.sharding { retry-interval = 200 ms, coordinator-failure-backoff = 500 ms, waiting-for-state-timeout = 500 ms, updating-state-timeout = 500 ms }
          coordinated-shutdown { run-by-clr-shutdown-hook = off, run-by-actor-system-terminate = off }
        }
        """).WithFallback(RegenClusterConfig.Default);
}
