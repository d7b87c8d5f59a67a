using System.Globalization;
using Akka.Configuration;
using AkkaRegenCache.Hosting;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>The HOCON of a node: links that can be cut, and a failure detector that is fast, yet bears a pause of a loaded machine.</summary>
internal static class FarmConfig
{
    /// <summary>Nodes that can't be reached stay members, so that a partition can heal.</summary>
    public static readonly TimeSpan NeverDown = TimeSpan.FromHours(1);

    /// <summary>The majority downs nodes that can't be reached.</summary>
    public static readonly TimeSpan SoonDown = TimeSpan.FromSeconds(2);

    public static Config Of(TimeSpan downAfter) => ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          log-dead-letters = off
          loggers = []
          actor.provider = cluster
          remote {
            retry-gate-closed-for = 1 s
            dot-netty.tcp { hostname = 127.0.0.1, port = 0, applied-adapters = ["trttl"] }
          }
          cluster {
            log-info = off
            gossip-interval = 100 ms
            leader-actions-interval = 100 ms
            periodic-tasks-initial-delay = 50 ms
            unreachable-nodes-reaper-interval = 100 ms
            failure-detector { heartbeat-interval = 200 ms, acceptable-heartbeat-pause = 2500 ms }
            split-brain-resolver.stable-after = {{downAfter.TotalSeconds.ToString(CultureInfo.InvariantCulture)}} s
            down-removal-margin = 1 s
            distributed-data { gossip-interval = 100 ms, notify-subscribers-interval = 100 ms }
            sharding.distributed-data.gossip-interval = 100 ms
          }
          regencache {
            pub-sub.gossip-interval = 100 ms
            singleton.hand-over-retry-interval = 200 ms
            sharding {
              retry-interval = 200 ms
              rebalance-interval = 1 s
              coordinator-failure-backoff = 500 ms
              waiting-for-state-timeout = 500 ms
              updating-state-timeout = 500 ms
            }
          }
          coordinated-shutdown { run-by-clr-shutdown-hook = off, run-by-actor-system-terminate = off }
        }
        """).WithFallback(RegenClusterConfig.Default);
}
