using System.Diagnostics;
using AkkaRegenCache.Demo.Farm;

namespace AkkaRegenCache.Demo.Load;

/// <summary>
/// The nodes that clients know, as a load balancer would: each try goes to one at random; a node that didn't answer is left alone for
/// a while. Nobody tells it of deaths. Thread-safe.
/// </summary>
internal sealed class NodeDirectory : IDisposable
{
    private static readonly TimeSpan LeftAlone = TimeSpan.FromSeconds(5);

    /// <summary>How long a client waits for an answer.</summary>
    public static TimeSpan ClientTimeout { get; } = TimeSpan.FromSeconds(15);

    private volatile Target[] _targets = [];

    public void Add(FarmNode node)
    {
        var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 128, ConnectTimeout = TimeSpan.FromSeconds(2) })
        {
            BaseAddress = node.Address,
            Timeout = ClientTimeout,
        };
        _targets = [.. _targets, new Target(client, node.Number)];
    }

    /// <summary>A node to try: one that isn't left alone, else any.</summary>
    public Target Pick()
    {
        Target[] targets = _targets;
        int start = Random.Shared.Next(targets.Length);
        for (int i = 0; i < targets.Length; i++)
        {
            Target target = targets[(start + i) % targets.Length];
            if (!target.IsLeftAlone)
                return target;
        }

        return targets[start];
    }

    public void Dispose()
    {
        foreach (Target target in _targets)
            target.Client.Dispose();
    }

    internal sealed class Target(HttpClient client, int number)
    {
        private long _failedAt;

        /// <summary>The node's number.</summary>
        public int Number { get; } = number;

        public HttpClient Client { get; } = client;

        public bool IsLeftAlone => Volatile.Read(ref _failedAt) is var at && at != 0 && Stopwatch.GetElapsedTime(at) < LeftAlone;

        public void Failed() => Volatile.Write(ref _failedAt, Stopwatch.GetTimestamp());
    }
}
