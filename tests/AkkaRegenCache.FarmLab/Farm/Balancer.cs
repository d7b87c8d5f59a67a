namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>
/// Asks all nodes whether they are ready, as a load balancer's health check does, and marks those that are leaving: no client sends them new
/// requests then, and those under way are answered.
/// </summary>
internal sealed class Balancer : IAsyncDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _ending = new();
    private readonly Task _running;

    public Balancer(LabFarm farm) => _running = Task.Run(() => RunAsync(farm));

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
    }

    private async Task AskAsync(FarmNode node)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        patience.CancelAfter(s_patience);
        try
        {
            if (await node.ReadinessAsync(patience.Token) is not { IsReady: true, IsOut: false })
                node.IsLeaving = true;
        }
        catch (OperationCanceledException)
        {
            // It didn't answer in time; it is asked again.
        }
    }

    private async Task RunAsync(LabFarm farm)
    {
        using var timer = new PeriodicTimer(s_period);
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token))
            {
                // A stopped node answers nothing: it is not leaving, and must not hold up the others.
                await Task.WhenAll(farm.Nodes.Where(node => node.IsInService).Select(AskAsync));
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }
}
