using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>Clients who set, remove and refresh keys on nodes at random, one change at a time each; all is written down, failures too.</summary>
internal sealed class ChangeLoad : IAsyncDisposable
{
    private static readonly string[] s_kinds = ["set", "set", "set", "remove", "refresh"];

    private readonly Lab _lab;
    private readonly string[] _keys;
    private readonly EntryLife _epoch;
    private readonly CancellationTokenSource _ending;
    private readonly Task[] _clients;

    private ChangeLoad(Lab lab, string[] keys, EntryLife life, TimeSpan period, int clients)
    {
        (_lab, _keys, _epoch) = (lab, keys, life);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(lab.Cancellation);
        _clients = [.. Enumerable.Range(0, clients).Select(_ =>
        {
            var random = new Random(lab.Random.Next());
            return Task.Run(() => ChangeOnAsync(random, period));
        })];
    }

    /// <summary>Starts changing.</summary>
    /// <param name="lab">Where.</param>
    /// <param name="keys">What.</param>
    /// <param name="life">How the entries live.</param>
    /// <param name="period">How often each client makes a change.</param>
    /// <param name="clients">How many clients.</param>
    public static ChangeLoad Start(Lab lab, string[] keys, EntryLife life, TimeSpan period, int clients = 2) =>
        new(lab, keys, life, period, clients);

    /// <summary>Makes a change on a node, and writes it down.</summary>
    public static async Task ChangeAsync(Lab lab, FarmNode node, string kind, string key, EntryLife life, CancellationToken cancellationToken)
    {
        var started = LabClock.Now;
        try
        {
            lab.Journal.Add(node.Name, kind, key, await node.ChangeAsync(kind, new ChangeOrder(key, life), cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            lab.Journal.AddLost(node.Name, kind, key, started);
            if (e is HttpRequestException or IOException && !node.IsDown)
                lab.Journal.AddLostRequest($"a {kind} of {key} on {node.Name}, which was in good health, got no answer: {e.Message}");
        }
    }

    /// <summary>Stops, and waits for what is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        try
        {
            await Wait.UntilAsync(
                () => _clients.All(client => client.IsCompleted), TimeSpan.FromSeconds(30), "the last changes are answered");
            await Task.WhenAll(_clients);
        }
        catch (TimeoutException)
        {
            _lab.Break(4, "a change was not answered within 30 s");
        }

        _ending.Dispose();
    }

    private async Task ChangeOnAsync(Random random, TimeSpan period)
    {
        using var timer = new PeriodicTimer(period);
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token))
            {
                var nodes = _lab.Farm.Nodes.Where(node => node.IsInService).ToList();
                var (which, kind, key) = (random.NextDouble(), s_kinds[random.Next(s_kinds.Length)], _keys[random.Next(_keys.Length)]);
                if (nodes.Count > 0)
                    await ChangeAsync(_lab, nodes[(int)(which * nodes.Count)], kind, key, _epoch, _lab.Cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }
}
