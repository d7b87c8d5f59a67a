using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Time;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// What coordinators cost: cycles of a claim through the machine, through one shard's entity in this process and across nodes (where Akka is); bytes of a
/// tracked key; and a million keys of three nodes, whose due times the coordinators keep.
/// </summary>
/// <remarks>
/// A cycle is what one generation means to a coordinator: a node tells that it holds the claim, another that it waits for it, the outcome comes and is
/// pushed. To an entity that stores the records as well it is the claim and the commit.
/// </remarks>
internal static class Coordinators
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(20);

    public static int Run(string[] args)
    {
        int at = Array.IndexOf(args, "--keys");
        int keys = at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : 1_000_000;
        var report = new JsonObject();

        double cycles = Cycles();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cycles:F0} cycles a second through one coordinator's machine"));
        report["machineCyclesPerSecond"] = Math.Round(cycles);

        double bytes = Bytes(Math.Min(keys, 1_000_000));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes:F0} bytes of a coordinator per tracked key, its string included"));
        report["coordinatorBytesPerKey"] = Math.Round(bytes);

        Farm(keys, report);
        Cluster.EntityCycles.Measure(report);
        if (args.Contains("--json"))
            Console.WriteLine(report.ToJsonString());
        return 0;
    }

    /// <summary>Claim, wait, outcome, push: as fast as the machine takes them.</summary>
    private static double Cycles()
    {
        var shard = new CoordinatorShard(new CoordinatorSettings { Shard = 0, Incarnation = 1 }, new Random(1));
        var outbox = new CoordinatorOutbox();
        string[] keys = [.. Enumerable.Range(0, 10_000).Select(i => $"key:{i}")];
        double best = 0;
        long now = 0;
        long token = 0;
        for (int round = 0; round < 10; round++)
        {
            long began = Stopwatch.GetTimestamp();
            int pushed = 0;
            for (int i = 0; i < 200_000; i++)
            {
                string key = keys[i % keys.Length];
                now += 100;
                token++;
                On(new ClaimHeld { Node = "a", Key = key, Token = token, EndsIn = TimeSpan.FromMinutes(1) });
                On(new ClaimAwaited { Node = "b", Key = key, Token = token, Holder = "a" });
                On(Fresh("a", key, token));
                void On(object message)
                {
                    outbox.Clear();
                    shard.On(message, now, outbox);
                    pushed += outbox.Count;
                }
            }

            if (pushed < 200_000)
                throw new InvalidOperationException($"Of 200000 who waited {pushed} were told.");
            best = Math.Max(best, 200_000 / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    private static double Bytes(int keys)
    {
        var shard = new CoordinatorShard(new CoordinatorSettings { Shard = 0, Incarnation = 1 }, new Random(1));
        var outbox = new CoordinatorOutbox();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < keys; i++)
            shard.On(Fresh("a", $"key:{i}", 1), i, outbox);

        // What it remembers for those who register late is gone after a while.
        for (long now = keys; shard.NextDeadline < TimeSpan.FromSeconds(10).Ticks; now = shard.NextDeadline)
            shard.On(Tick.Instance, now, outbox);
        double bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)keys;
        if (shard.KeyCount != keys)
            throw new InvalidOperationException($"{shard.KeyCount} of {keys} keys are tracked.");
        GC.KeepAlive(outbox);
        return bytes;
    }

    private static void Farm(int count, JsonObject report)
    {
        var time = new VirtualTimeProvider();
        var options = new RegenCacheOptions
        {
            MaximumEntries = count,
            DefaultEntryOptions = new RegenEntryOptions { RegenerationInterval = s_interval, InactiveRetention = TimeSpan.FromHours(1) },
        };
        string[] keys = [.. Enumerable.Range(0, count).Select(i => $"key:{i}")];
        var generators = new Generator[count];
        for (int i = 0; i < count; i++)
            generators[i] = new Generator(time);
        var store = new InMemoryStore(time);
        var bus = new InProcessNotificationBus();
        var coordinators = new LocalCoordinators(64, time);
        long empty = GC.GetTotalMemory(forceFullCollection: true);
        RegenCache[] nodes = [.. Enumerable.Range(0, 3).Select(_ =>
            new RegenCache("farm", options, store, bus, coordinators.NewLink(), [], null, time, null))];
        int perStep = Math.Max(1, (int)(count * (s_step / s_interval)));
        for (int i = 0; i < count; i++)
        {
            // Spread over one interval, as the due times of a farm that has run for a while are.
            ValueTask<object> made = nodes[i % 3].GetOrCreateAsync(keys[i], generators[i], static (g, _) => new ValueTask<object>(g.Make()));
            if (!made.IsCompletedSuccessfully)
                made.AsTask().GetAwaiter().GetResult();
            if (i % perStep == perStep - 1)
                Advance(nodes, coordinators, time);
        }

        Advance(nodes, coordinators, time);
        long all = GC.GetTotalMemory(forceFullCollection: true) - empty;
        if (coordinators.KeyCount != count)
            throw new InvalidOperationException($"Of {count} keys {coordinators.KeyCount} are tracked.");
        long began = Stopwatch.GetTimestamp();
        for (var passed = TimeSpan.Zero; passed < s_interval; passed += s_step)
            Advance(nodes, coordinators, time);
        double each = Stopwatch.GetElapsedTime(began).TotalMicroseconds / count;
        long runs = generators.Sum(g => (long)g.Runs);
        double latest = generators.Max(g => g.LatestMs);
        Task left = Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        for (int i = 0; !left.IsCompleted && i < 10_000; i++)
        {
            time.Advance(s_step);
            Thread.Yield();
        }

        // What stays when nodes and coordinators are gone are the store's records: with Redis they are there, without it in the shards' entities.
        Array.Clear(nodes);
        coordinators = null!;
        bus = null!;
        long records = GC.GetTotalMemory(forceFullCollection: true) - empty;
        GC.KeepAlive(store);
        GC.KeepAlive(keys);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{count} keys over 3 nodes with coordinators and the store's records in one process: {all / 1e6:F0} MB, {all / (double)count:F0} bytes a key (the store's part {records / 1e6:F0} MB); in one interval of {s_interval.TotalSeconds:F0} s (virtual) {runs} regenerations, the latest {latest:F0} ms after its target (jitter up to 1000, steps of {s_step.TotalMilliseconds:F0}); {each:F1} us each by the clock"));
        report["farm"] = new JsonObject
        {
            ["keys"] = count,
            ["megabytes"] = Math.Round(all / 1e6),
            ["storeMegabytes"] = Math.Round(records / 1e6),
            ["bytesPerKey"] = Math.Round(all / (double)count),
            ["regenerations"] = runs,
            ["latestMs"] = Math.Round(latest),
            ["usPerRegeneration"] = Math.Round(each, 1),
        };
    }

    /// <summary>Virtual time stands until all that became due is done.</summary>
    private static void Advance(RegenCache[] nodes, LocalCoordinators coordinators, VirtualTimeProvider time)
    {
        time.Advance(s_step);
        var wait = default(SpinWait);
        do
        {
            while (nodes.Any(n => n.Shell.Backlog != 0 || n.Shell.Runs.Active != 0 || n.Shell.StoreCalls != 0))
                wait.SpinOnce(sleep1Threshold: -1);
        }
        while (coordinators.Serve());
    }

    private static OutcomeKnown Fresh(string node, string key, long token) => new()
    {
        Node = node,
        Offers = true,
        Outcome = new CacheNotification
        {
            Publisher = node,
            Kind = NotificationKind.Fresh,
            Epoch = "1",
            Key = key,
            Token = token,
            DueIn = TimeSpan.FromHours(1),
            ActiveFor = TimeSpan.FromHours(2),
        },
    };

    /// <summary>Counts its runs, and how late they are against its grid, which begins with the first.</summary>
    private sealed class Generator(VirtualTimeProvider time)
    {
        private static readonly object s_value = new();
        private long _firstAt;
        private long _latest;

        public int Runs { get; private set; }

        public double LatestMs => TimeSpan.FromTicks(_latest).TotalMilliseconds;

        public object Make()
        {
            long now = time.GetTimestamp() + 1;
            if (_firstAt == 0)
            {
                _firstAt = now;
                return s_value;
            }

            Runs++;
            _latest = Math.Max(_latest, (now - _firstAt) % s_interval.Ticks);
            return s_value;
        }
    }
}
