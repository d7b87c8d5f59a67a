using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Akka.Actor;
using Akka.Configuration;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Benchmarks.Cluster;

/// <summary>Claims and commits through the one entity of a shard that stores its records: from the node that hosts it, and from another one.</summary>
internal static class EntityCycles
{
    private const string CacheName = "cycles";
    private const int Parallel = 64;
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(3);

    public static void Measure(JsonObject report) => MeasureAsync(report).GetAwaiter().GetResult();

    private static async Task MeasureAsync(JsonObject report)
    {
        using ActorSystem first = Start();
        using ActorSystem second = Start();
        Akka.Cluster.Cluster.Get(first).Join(Akka.Cluster.Cluster.Get(first).SelfAddress);
        Akka.Cluster.Cluster.Get(second).Join(Akka.Cluster.Cluster.Get(first).SelfAddress);
        ClusterStore near = await OpenAsync(first);
        ClusterStore far = await OpenAsync(second);

        // The shard's home is where it was asked for first, or not: which of the two is near is measured, not known. The faster one is.
        double[] rates = [await CyclesAsync(near, "a", 1), await CyclesAsync(far, "b", 1)];
        double[] wide = [await CyclesAsync(near, "c", Parallel), await CyclesAsync(far, "d", Parallel)];
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"claim and commit through one shard's entity, {Parallel} at a time: {wide.Max():F0} a second in process, {wide.Min():F0} across nodes; one at a time {rates.Max():F0} and {rates.Min():F0} (values of 100 bytes)"));
        report["entityCyclesPerSecond"] = Math.Round(wide.Max());
        report["entityCyclesPerSecondAcrossNodes"] = Math.Round(wide.Min());
        report["entityCyclesOneAtATime"] = Math.Round(rates.Max());
        report["entityCyclesOneAtATimeAcrossNodes"] = Math.Round(rates.Min());
        await Task.WhenAll(first.Terminate(), second.Terminate());
    }

    private static ActorSystem Start()
    {
        Config config = ConfigurationFactory.ParseString(
            """
            akka.actor.provider = cluster
            akka.loglevel = ERROR
            akka.stdout-loglevel = OFF
            akka.loggers = []
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
            """).WithFallback(RegenClusterConfig.Default);
        return ActorSystem.Create("cycles", config);
    }

    private static async Task<ClusterStore> OpenAsync(ActorSystem system)
    {
        var node = new ClusterNode(CacheName, new RegenClusterOptions { Shards = 1, HandleTerminationSignal = false });
        await ClusterStart.StartAsync(system, node, null, () => Task.CompletedTask, hasHost: true);
        var store = new ClusterStore(node);
        for (int i = 0; ; i++)
        {
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await store.CheckAsync(["probe"], patience.Token);
                return store;
            }
            catch (Exception) when (i < 60)
            {
                await Task.Delay(250);
            }
        }
    }

    private static async Task<double> CyclesAsync(ClusterStore store, string prefix, int parallel)
    {
        CachePayload payload = CachePayload.FromBytes(new byte[100]);
        var schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(1) };
        long done = 0;
        long began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, parallel).Select(async worker =>
        {
            string node = $"{prefix}{worker}";
            for (int i = 0; Stopwatch.GetElapsedTime(began) < s_length; i++)
            {
                string key = $"{node}:{i}";
                ClaimAnswer claim = await store.ClaimAsync(new ClaimRequest
                {
                    Key = key,
                    Operation = new OperationId(node, (2 * i) + 1),
                    Owner = node,
                    Lease = TimeSpan.FromSeconds(3),
                });
                ChangeAnswer answer = await store.CommitAsync(new CommitRequest
                {
                    Key = key,
                    Operation = new OperationId(node, (2 * i) + 2),
                    Token = claim.Token,
                    Payload = payload,
                    Schedule = schedule,
                });
                if (!answer.Accepted)
                    throw new InvalidOperationException($"The commit of {key} was superseded.");
                Interlocked.Increment(ref done);
            }
        }));
        return done / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
