using System.Diagnostics;
using AkkaRegenCache.Demo.Farm;
using AkkaRegenCache.Demo.Load;
using AkkaRegenCache.Demo.Origin;
using AkkaRegenCache.Demo.Reporting;
using Spectre.Console;

namespace AkkaRegenCache.Demo;

/// <summary>One run: starts the farm and the clients, lets a node die and another join half way, and takes everything down.</summary>
internal sealed class DemoRun(DemoOptions options, KeySource keys)
{
    private readonly FarmStatistics _farm = new();
    private readonly List<FarmNode> _nodes = [];
    private readonly List<Task> _burials = [];
    private FarmKind _kind = null!;

    /// <summary>Runs until the time is over or <paramref name="cancellationToken"/> is cancelled.</summary>
    public async Task<Figures> RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan duration = TimeSpan.FromSeconds(options.Seconds);
        await using RedisProcess? redis = options.Redis is "" ? await RedisProcess.StartAsync() : null;
        _kind = FarmKind.Choose(options, redis?.Address ?? options.Redis);
        await using OriginServer origin = await OriginServer.StartAsync();
        using var directory = new NodeDirectory();
        var load = new LoadStatistics();
        try
        {
            Figures? figures = null;
            for (int i = 0; i < options.Nodes; i++)
                await StartNodeAsync(origin, directory, isNewcomer: false, news => Volatile.Read(ref figures)?.Event(news));

            Volatile.Write(ref figures, new Figures(origin, _farm, load));
            figures.Event($"nodes {string.Join(", ", _nodes.Select(node => node.Name))} started {_kind.Where}; {keys.Description}");

            using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task run = new LoadGenerator(keys, directory, origin, _farm, load, options.Rate, duration).RunAsync(cancellationToken);
            Task turn = TurnAsync(figures, origin, directory, duration, ends.Token);
            await ShowAsync(figures, duration, run);
            await run;
            origin.ClientsHaveGone();
            await ends.CancelAsync();
            await turn;
            return figures;
        }
        finally
        {
            // One after the other, as a farm is taken down: what a node holds goes to those that are left. A cluster's last member would look for heirs.
            FarmNode[] alive = [.. _nodes.Where(node => !node.IsDead)];
            foreach (FarmNode node in alive)
            {
                if (_kind.IsCluster && node == alive[^1])
                    node.Kill();
                await node.DisposeAsync();
            }

            await Task.WhenAll(_burials);
        }
    }

    private async Task ShowAsync(Figures figures, TimeSpan duration, Task run)
    {
        if (!options.Json && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Interactive: true, Ansi: true })
            await LiveTable.RunAsync(figures, duration, run);
        else
            await PlainLines.RunAsync(figures, duration, Console.Out, run);
    }

    private async Task TurnAsync(
        Figures figures, OriginServer origin, NodeDirectory directory, TimeSpan duration, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(duration / 2, cancellationToken);
            FarmNode victim = _nodes[1];
            int generating = await UntilGeneratingAsync(victim, duration / 10, cancellationToken);
            victim.Kill();
            figures.NodeDied = true;
            figures.Event($"node {victim.Name} died in the middle of making {generating} values; it released nothing, nobody was told");

            // What is left of it in this process is cleared away while the others go on; none of that reaches them.
            _burials.Add(Task.Run(async () => await victim.DisposeAsync(), CancellationToken.None));

            await Task.Delay(TimeSpan.FromSeconds(Math.Min(1, duration.TotalSeconds / 20)), cancellationToken);
            FarmNode newcomer = await StartNodeAsync(origin, directory, isNewcomer: true, figures.Event);
            figures.Event($"node {newcomer.Name} joined with an empty memory");
        }
        catch (StartFailedException error)
        {
            // The farm goes on with those that live.
            figures.Event($"no new node joined: {error.Message}");
        }
        catch (OperationCanceledException)
        {
            // The run ended first.
        }
    }

    // The worst moment to die is while it holds claims, which others then have to wait for.
    private static async Task<int> UntilGeneratingAsync(FarmNode node, TimeSpan patience, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using var pacer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        int generating;
        while ((generating = await node.GeneratingAsync(cancellationToken)) == 0 && Stopwatch.GetElapsedTime(start) < patience)
            await pacer.WaitForNextTickAsync(cancellationToken);
        return generating;
    }

    private async Task<FarmNode> StartNodeAsync(OriginServer origin, NodeDirectory directory, bool isNewcomer, Action<string> tell)
    {
        FarmNode node = await _kind.StartAsync(_nodes.Count, origin.Address, isNewcomer, tell);
        _nodes.Add(node);
        directory.Add(node);
        return node;
    }
}
