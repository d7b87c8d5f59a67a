using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;
using Xunit.Abstractions;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>
/// A farm under load while its Redis fails in every way it can: nobody sees an error of Redis, warm reads never wait, and soon after the server
/// answers again all nodes agree on what was changed meanwhile. Each test has a server of its own.
/// </summary>
public sealed class RedisOutageTests(ITestOutputHelper output)
{
    private const int Nodes = 3;

    /// <summary>Promised are 2 seconds from the server's first answer. The rest is for a machine that does other things besides.</summary>
    private static readonly TimeSpan s_convergence = TimeSpan.FromSeconds(2) + TimeSpan.FromSeconds(1.5);

    /// <summary>As long as a caller may be kept by the store; and the machine.</summary>
    private static readonly TimeSpan s_longestCall = TimeSpan.FromSeconds(0.5) + TimeSpan.FromSeconds(1.5);

    private static readonly RegenEntryOptions s_long = new()
    {
        RegenerationInterval = TimeSpan.FromMinutes(10),
        InactiveRetention = TimeSpan.Zero,
        ExpiryTolerance = TimeSpan.FromMinutes(1),
    };

    private static readonly RegenEntryOptions s_active = new()
    {
        RegenerationInterval = TimeSpan.FromSeconds(0.5),
        InactiveRetention = TimeSpan.FromMinutes(1),
        ExpiryTolerance = TimeSpan.FromMinutes(1),
    };

    [RedisFact]
    public async Task Killed_and_restarted_without_its_data()
    {
        await using var server = await RedisServer.StartNewAsync();
        await SurvivesAsync(server, 3, server.KillAsync, () => server.StartAsync(), canBeRead: false);
    }

    [RedisFact]
    public async Task Killed_and_restarted_with_its_data()
    {
        await using var server = await RedisServer.StartNewAsync(persistent: true);
        await SurvivesAsync(server, 5, server.KillAsync, () => server.StartAsync(), canBeRead: false);
    }

    [RedisFact]
    public async Task Restarted_and_loading_its_data_for_a_while()
    {
        await using var server = await RedisServer.StartNewAsync(persistent: true, "--loading-process-events-interval-bytes", "1024", "--key-load-delay", "1000");
        await using (var link = await Link.ToAsync(server))
        {
            var database = link.Connection.GetDatabase();
            await Task.WhenAll(Enumerable.Range(0, 2500).Select(i => database.StringSetAsync($"ballast {i}", new byte[100])));
        }

        var starting = Task.CompletedTask;
        await SurvivesAsync(
            server,
            0,
            async () =>
            {
                await server.KillAsync();
                starting = server.StartAsync();
                await Eventually.Holds(async () => await server.AskAsync("GET any") is var answer && answer.StartsWith("-LOADING", StringComparison.Ordinal), "it is loading");
            },
            () => starting,
            canBeRead: false);
    }

    [RedisFact]
    public async Task Hanging_for_a_while()
    {
        await using var server = await RedisServer.StartNewAsync();
        await SurvivesAsync(server, 3, () => SignalAsync(server, "STOP"), () => SignalAsync(server, "CONT"), canBeRead: false);
    }

    [RedisFact]
    public async Task Out_of_memory()
    {
        await using var server = await RedisServer.StartNewAsync(false, "--maxmemory-policy", "noeviction");
        await SurvivesAsync(server, 2, Send(server, "CONFIG SET maxmemory 1"), Send(server, "CONFIG SET maxmemory 0"), canBeRead: true);
    }

    [RedisFact]
    public async Task Read_only()
    {
        await using var server = await RedisServer.StartNewAsync();
        await SurvivesAsync(server, 2, Send(server, "REPLICAOF 127.0.0.1 1"), Send(server, "REPLICAOF NO ONE"), canBeRead: true);
    }

    [RedisFact]
    public async Task Without_enough_replicas()
    {
        await using var server = await RedisServer.StartNewAsync();
        await SurvivesAsync(server, 2, Send(server, "CONFIG SET min-replicas-to-write 1"), Send(server, "CONFIG SET min-replicas-to-write 0"), canBeRead: true);
    }

    [RedisTheory]
    [InlineData("FLUSHALL")]
    [InlineData("SCRIPT FLUSH")]
    [InlineData("CLIENT KILL TYPE normal")]
    [InlineData("CLIENT KILL TYPE pubsub")]
    public async Task Disturbed_again_and_again(string command)
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new FaultFarm(server);
        await farm.FillAsync();
        farm.BeginLoad();
        for (var i = 0; i < 8; i++)
        {
            await server.AskAsync(command);
            await Task.Delay(150);
        }

        var watch = Stopwatch.StartNew();
        await farm.AgreeAsync("active", _ => true);
        await farm.SetAsync(0, "last", "last");
        await farm.AgreeAsync("last", value => value == "last");
        Report(watch, command);
        await farm.EndLoadAsync(s_longestCall);
    }

    [RedisTheory]
    [InlineData(":s")]
    [InlineData(":v")]
    [InlineData(":s :v")]
    public async Task A_claim_that_is_evicted_while_its_generator_runs(string parts)
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var farm = new FaultFarm(server);
        foreach (var i in Enumerable.Range(0, Nodes))
            Assert.Equal("made 1", await farm.Caches[i].GetOrCreateAsync("key", _ => new ValueTask<string>("made 1"), s_long));
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var runs = 1;
        var refresh = farm.Caches[0].RefreshAsync(
            "key",
            0,
            async (_, ct) =>
            {
                var run = Interlocked.Increment(ref runs);
                begun.TrySetResult();
                await gate.Task.WaitAsync(ct);
                return $"made {run}";
            },
            s_long).AsTask();
        await begun.Task;
        foreach (var part in parts.Split(' '))
            Assert.Equal(":1", await server.AskAsync("DEL arc:{catalog:key}" + part));

        // Another node's change is not undone by what began before it, though nobody remembers the claim.
        await farm.SetAsync(1, "key", "set");
        gate.SetResult();

        // Whoever refreshes has what was made, or the set that it has heard of: both came after the call.
        Assert.Contains(await refresh, (string[])["made 2", "made 3", "set"]);
        await farm.AgreeAsync("key", _ => true);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromSeconds(0.5))
        {
            await Task.Delay(20);
            foreach (var cache in farm.Caches)
                Assert.NotEqual("made 1", (await cache.TryGetAsync<string>("key")).Value);
        }
    }

    /// <summary>The story of each outage.</summary>
    private async Task SurvivesAsync(RedisServer server, double seconds, Func<Task> begin, Func<Task> end, bool canBeRead)
    {
        await using var farm = new FaultFarm(server);
        await farm.FillAsync();
        Assert.True((await farm.Caches[0].SetAsync("stored", "stored", s_long)).Accepted);
        farm.BeginLoad();
        await begin();
        var outage = Stopwatch.StartNew();

        // What the server still has can be read; and what nobody has is made.
        if (canBeRead)
            Assert.Equal("stored", await farm.Caches[2].GetOrCreateAsync("stored", _ => new ValueTask<string>("made"), s_long));
        Assert.True((await farm.SetAsync(0, "set", "after")).IsPending);
        Assert.True((await farm.RemoveAsync(1, "removed")).IsPending);
        Assert.True((await farm.SetAsync(2, "set and removed", "after")).IsPending);
        Assert.True((await farm.RemoveAsync(2, "set and removed")).IsPending);
        Assert.True((await farm.RemoveAsync(0, "removed and set")).IsPending);
        Assert.True((await farm.SetAsync(0, "removed and set", "after")).IsPending);
        for (var i = 0; i < 200; i++)
            Assert.True((await farm.SetAsync(1, $"many {i}", "after")).IsPending);

        // Each node shows what it has changed.
        Assert.Equal("after", await farm.ShownAsync(0, "set"));
        Assert.Null(await farm.ShownAsync(1, "removed"));
        if (TimeSpan.FromSeconds(seconds) - outage.Elapsed is { Ticks: > 0 } left)
            await Task.Delay(left);

        await end();
        await Eventually.Holds(async () => (await server.AskAsync("PING")).StartsWith("+PONG", StringComparison.Ordinal), "the server answers");
        var watch = Stopwatch.StartNew();
        await farm.AgreeAsync("set", value => value == "after");
        await farm.AgreeAsync("removed", value => value is null);
        await farm.AgreeAsync("set and removed", value => value is null);
        await farm.AgreeAsync("removed and set", value => value == "after");
        for (var i = 0; i < 200; i++)
            await farm.AgreeAsync($"many {i}", value => value == "after");
        await farm.AgreeAsync("active", _ => true);
        foreach (var line in farm.Log.Lines.TakeLast(40))
            output.WriteLine(line);
        Report(watch, $"an outage of {outage.Elapsed.TotalSeconds:0.0} s");
        await farm.EndLoadAsync(s_longestCall);

        // And all is as ever.
        Assert.True((await farm.SetAsync(1, "last", "last")).Accepted);
        await farm.AgreeAsync("last", value => value == "last");
    }

    private static Func<Task> Send(RedisServer server, string command) =>
        async () => Assert.Equal("+OK", await server.AskAsync(command));

    private static async Task SignalAsync(RedisServer server, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, server.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    private void Report(Stopwatch watch, string what)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"All nodes agreed {watch.ElapsedMilliseconds} ms after {what}."));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_convergence);
    }

    /// <summary>What all nodes log of note, for a test that fails.</summary>
    private sealed class NodeLog : ILogger<RegenCache>
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{Stopwatch.GetElapsedTime(_start).TotalSeconds:0.000} {formatter(state, exception)} {exception?.GetType().Name} {exception?.Message}");
    }

    /// <summary>Applications of the same cache with the default timeouts, and callers on all of them.</summary>
    private sealed class FaultFarm : IAsyncDisposable
    {
        private readonly ServiceProvider[] _nodes;
        private readonly CancellationTokenSource _ending = new();
        private readonly ConcurrentQueue<string> _errors = new();
        private readonly List<Task> _load = [];
        private long _longest;
        private long _calls;
        private int _generated;

        public FaultFarm(RedisServer server)
        {
            _nodes = [.. Enumerable.Range(0, Nodes).Select(_ =>
            {
                var services = new ServiceCollection();
                services.AddSingleton<ILogger<RegenCache>>(Log);
                services.AddRegenCache("catalog").UseRedis($"127.0.0.1:{server.Port}");
                return services.BuildServiceProvider();
            })];
            Caches = [.. _nodes.Select(node => node.GetRequiredService<IRegenCache>())];
        }

        public IRegenCache[] Caches { get; }

        public NodeLog Log { get; } = new();

        /// <summary>What is changed later, and what is regenerated, is in the memory of all nodes.</summary>
        public async Task FillAsync()
        {
            foreach (var key in (string[])["set", "removed", "set and removed", "removed and set", "last", "warm", .. Enumerable.Range(0, 200).Select(i => $"many {i}")])
            {
                // The connection is made at first use, and that may take the machine longer than a set may.
                await Eventually.Holds(async () => (await Caches[0].SetAsync(key, "before", s_long)).Accepted, "a set is accepted");
                foreach (var cache in Caches)
                    await Eventually.Holds(async () => (await cache.TryGetAsync<string>(key)).Value == "before", "all nodes have it");
            }

            foreach (var cache in Caches)
                await ActiveAsync(cache);
        }

        /// <summary>Callers on all nodes, for warm keys, regenerated ones and cold ones.</summary>
        public void BeginLoad()
        {
            for (var i = 0; i < Nodes; i++)
            {
                var (node, cache) = (i, Caches[i]);
                _load.Add(Task.Run(async () =>
                {
                    for (var call = 0; !_ending.IsCancellationRequested; call++)
                    {
                        await TryAsync(() =>
                        {
                            var warm = cache.GetOrCreateAsync("warm", static _ => new ValueTask<string>("made"), s_long);
                            if (!warm.IsCompletedSuccessfully)
                                _errors.Enqueue($"node {node} had to wait for a warm key");
                            return Task.CompletedTask;
                        });
                        await TryAsync(() => ActiveAsync(cache));
                        await TryAsync(async () =>
                        {
                            var value = await cache.GetOrCreateAsync($"cold {node} {call}", static _ => new ValueTask<string>("made"), s_long);
                            if (value != "made")
                                _errors.Enqueue($"node {node} was given {value}");
                        });
                        await TryAsync(async () => await cache.TryGetAsync<string>($"nothing {node} {call}"));
                        await Task.Delay(40);
                    }
                }));
            }
        }

        public async Task EndLoadAsync(TimeSpan longest)
        {
            await _ending.CancelAsync();
            await Task.WhenAll(_load);
            Assert.Empty(_errors);
            Assert.InRange(Stopwatch.GetElapsedTime(0, _longest), TimeSpan.Zero, longest);
            Assert.True(_calls > 10);
        }

        public async Task<ChangeResult> SetAsync(int node, string key, string value) => await Caches[node].SetAsync(key, value, s_long);

        public async Task<ChangeResult> RemoveAsync(int node, string key) => await Caches[node].RemoveAsync(key);

        public async Task<string?> ShownAsync(int node, string key) => (await Caches[node].TryGetAsync<string>(key)).Value;

        /// <summary>All nodes show the same value, such that the condition holds.</summary>
        public Task AgreeAsync(string key, Func<string?, bool> condition) => Eventually.Holds(
            async () =>
            {
                var shown = new HashSet<string?>();
                for (var i = 0; i < Nodes; i++)
                    shown.Add(await ShownAsync(i, key));
                return shown.Count == 1 && condition(shown.Single());
            },
            $"all agree on {key}");

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            await Task.WhenAll(_load);
            foreach (var node in _nodes)
                await node.DisposeAsync();
            _ending.Dispose();
        }

        private async Task ActiveAsync(IRegenCache cache) => await cache.GetOrCreateAsync(
            "active", this, static (farm, _) => new ValueTask<string>($"made {Interlocked.Increment(ref farm._generated)}"), s_active);

        private async Task TryAsync(Func<Task> call)
        {
            var begun = Stopwatch.GetTimestamp();
            try
            {
                await call();
            }
            catch (Exception e)
            {
                _errors.Enqueue(e.ToString());
            }

            _calls++;
            var took = Stopwatch.GetTimestamp() - begun;
            if (took > Volatile.Read(ref _longest))
                Volatile.Write(ref _longest, took);
        }
    }
}
