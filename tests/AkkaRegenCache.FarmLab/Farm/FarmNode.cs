using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>One node process as the controller knows it. A restarted node is a new one, with the next incarnation's name.</summary>
internal sealed class FarmNode : IAsyncDisposable
{
    // A cluster lets nobody in while a dead member isn't downed: with Akka's own times most of a minute, on a crowded machine several.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly ChildProcess _process;
    private readonly HttpClient _client;
    private bool _isToEnd;

    private FarmNode(int slot, string name, ChildProcess process, Uri address)
    {
        Slot = slot;
        Name = name;
        _process = process;
        _client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Its place in the farm, from 0 on; a restarted node takes its predecessor's.</summary>
    public int Slot { get; }

    /// <summary>Place and incarnation: <c>n1.1</c>, after a restart <c>n1.2</c>.</summary>
    public string Name { get; }

    public int ProcessId => _process.Id;

    /// <summary>Whether it is known to be killed or gone: what happens to requests then is no error of the cache.</summary>
    public bool IsDown { get; private set; }

    /// <summary>Whether it is stopped: requests wait until it goes on.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Whether its process has ended without the lab's doing.</summary>
    public bool HasEndedByItself => !IsDown && !_isToEnd && _process.HasExited;

    /// <summary>Since when it is known that its cluster has put it out for good; null: it hasn't.</summary>
    public long? OutSince { get; private set; }

    /// <summary>Whether its cluster has put it out, and it lives on alone.</summary>
    public bool LivesOnAlone => OutSince is not null && !IsDown && !_isToEnd && !_process.HasExited;

    /// <summary>Whether a client would choose it.</summary>
    public bool IsInService => !IsDown && !IsPaused && !IsLeaving;

    /// <summary>Whether it has said that it is leaving.</summary>
    public bool IsLeaving { get; set; }

    public string Output => _process.Output;

    public static async Task<FarmNode> StartAsync(
        int slot, int incarnation, NodeArguments arguments, bool isCompiled, ProcessGuard guard, Action<string>? echo, CancellationToken cancellationToken)
    {
        var name = $"n{slot + 1}.{incarnation}";
        var process = ChildProcess.Start(name, guard, echo, isCompiled, (arguments with { Name = name }).ToCommandLine());
        try
        {
            var node = new FarmNode(slot, name, process, await process.AddressAsync(cancellationToken));
            await Wait.UntilAsync(
                async () => await node.ReadinessAsync(cancellationToken) is { IsReady: true } && node.SharesTheClock,
                s_patience, $"{name} is ready", cancellationToken);
            return node;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether the node's timestamps lie between ours before and after: then they count from the same start.</summary>
    public bool SharesTheClock { get; private set; }

    public async Task<Readiness?> ReadinessAsync(CancellationToken cancellationToken)
    {
        try
        {
            var before = LabClock.Now;
            using var response = await _client.GetAsync(new Uri("/ready", UriKind.Relative), cancellationToken);

            // A node that is just starting, or ending, may fail to say: that has no body.
            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable))
                return null;
            var ready = await response.Content.ReadFromJsonAsync<Readiness>(cancellationToken);
            if (ready is not null)
            {
                OutSince ??= ready.IsOut ? before : null;
                SharesTheClock = ready.Frequency == System.Diagnostics.Stopwatch.Frequency && before <= ready.Now && ready.Now <= LabClock.Now;
                if (!SharesTheClock)
                    throw new UsageException("The monotonic clocks of two processes can't be compared on this machine; the lab's times would mean nothing.");
            }

            return ready;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException)
        {
            // Nothing came, or not all of it.
            return null;
        }
    }

    public Task<ReadReply> ReadAsync(ReadOrder order, CancellationToken cancellationToken) =>
        PostAsync<ReadOrder, ReadReply>("/read", order, cancellationToken);

    public Task<FloodReply> FloodAsync(FloodOrder order, CancellationToken cancellationToken) =>
        PostAsync<FloodOrder, FloodReply>("/flood", order, cancellationToken);

    public Task<StarveReply> StarveAsync(StarveOrder order, CancellationToken cancellationToken) =>
        PostAsync<StarveOrder, StarveReply>("/starve", order, cancellationToken);

    public async Task<MemoryReply> MemoryAsync(CancellationToken cancellationToken) =>
        await _client.GetFromJsonAsync<MemoryReply>(new Uri("/memory", UriKind.Relative), cancellationToken)
        ?? throw new InvalidOperationException($"{Name} answered nothing to /memory.");

    /// <summary>Where it stands in the cluster; in a mode without one it can't be asked.</summary>
    public Task<ShardsReply> ShardsAsync(string[] keys, CancellationToken cancellationToken) =>
        PostAsync<ShardsOrder, ShardsReply>("/shards", new ShardsOrder(keys), cancellationToken);

    /// <summary>Asks for a change.</summary>
    /// <param name="what"><c>set</c>, <c>remove</c> or <c>refresh</c>.</param>
    /// <param name="order">Of which key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<ChangeReply> ChangeAsync(string what, ChangeOrder order, CancellationToken cancellationToken) =>
        PostAsync<ChangeOrder, ChangeReply>("/" + what, order, cancellationToken);

    /// <summary>kill -9. Returns when the process is gone.</summary>
    /// <returns>When the signal was sent.</returns>
    public async Task<long> KillAsync()
    {
        IsDown = true;
        var at = LabClock.Now;
        Signals.Kill(ProcessId);
        await _process.DisposeAsync();
        return at;
    }

    public void Stop()
    {
        IsPaused = true;
        Signals.Stop(ProcessId);
    }

    public void Continue()
    {
        Signals.Continue(ProcessId);
        IsPaused = false;
    }

    /// <summary>SIGTERM: it turns its readiness red, is drained and leaves. Returns when it has gone.</summary>
    public async Task LeaveAsync(TimeSpan patience)
    {
        _isToEnd = true;
        Signals.Terminate(ProcessId);
        await _process.WaitForExitAsync(patience);
        IsDown = true;
        await _process.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        IsDown = true;
        await _process.DisposeAsync();
        _client.Dispose();
    }

    private async Task<TReply> PostAsync<TOrder, TReply>(string path, TOrder order, CancellationToken cancellationToken)
    {
        using var response = await _client.PostAsJsonAsync(path, order, cancellationToken);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<TReply>(cancellationToken)
            ?? throw new InvalidOperationException($"{Name} answered nothing to {path}.");
    }
}
