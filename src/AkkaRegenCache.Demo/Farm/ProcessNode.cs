using System.Diagnostics;
using System.Globalization;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>A node in a process of its own. Killed as <c>kill -9</c> does it.</summary>
internal sealed class ProcessNode : FarmNode
{
    private const string Ready = "listening on ";
    private const string News = "news: ";
    private static readonly TimeSpan PatienceAtEnd = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly HttpClient _client;

    private ProcessNode(int number, Process process, string[] addresses)
        : base(number)
    {
        _process = process;
        Address = new Uri(addresses[0]);
        ClusterAddress = addresses.ElementAtOrDefault(1);
        _client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
    }

    public override Uri Address { get; }

    /// <summary>Where other nodes join its cluster; null: it has none.</summary>
    public string? ClusterAddress { get; }

    /// <summary>Starts a process, and waits until its node can be asked.</summary>
    public static async Task<ProcessNode> StartAsync(int number, NodeArguments arguments, Action<string> tell)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };

        // Started as "dotnet demo.dll" or as an executable of its own.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(ProcessNode).Assembly.Location);
        foreach (string argument in arguments.ToArguments())
            start.ArgumentList.Add(argument);

        Process process = Process.Start(start) ?? throw new StartFailedException("A node's process could not be started.");
        try
        {
            string ready = await ReadyAsync(process);
            _ = HearAsync(process.StandardOutput, tell);
            return new ProcessNode(number, process, ready[Ready.Length..].Split(' '));
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    private static async Task<string> ReadyAsync(Process process)
    {
        var patience = new StartPatience(process);
        using var pacer = new PeriodicTimer(StartPatience.Step);
        Task<string?> line = process.StandardOutput.ReadLineAsync();
        while (true)
        {
            Task tick = pacer.WaitForNextTickAsync().AsTask();
            while (line.IsCompleted || await Task.WhenAny(line, tick) == line)
            {
                if (await line is not { } text)
                {
                    await process.WaitForExitAsync();
                    throw new StartFailedException($"A node's process could not be started: {patience.ReasonToGiveUp()}.");
                }

                if (text.StartsWith(Ready, StringComparison.Ordinal))
                    return text;
                line = process.StandardOutput.ReadLineAsync();
            }

            if (patience.ReasonToGiveUp() is { } reason)
                throw new StartFailedException($"A node's process could not be started: {reason}.");
            await tick;
        }
    }

    /// <summary>What such a process does: it is a node until its standard input ends, which it does when the demo dies too.</summary>
    public static async Task RunAsync(NodeArguments arguments)
    {
        if (arguments.Cluster != NodeArguments.None)
        {
            string? seed = arguments.Cluster == NodeArguments.First ? null : arguments.Cluster;
            Action<string>? tell = seed is null ? news => Console.WriteLine(News + news) : null;
            await using Cluster.ClusterNode member = await Cluster.ClusterNode.StartAsync(
                0, arguments.Origin, arguments.Redis, seed, arguments.IsNewcomer, tell);
            await BeAsync($"{member.Address} {member.ClusterAddress}");
            return;
        }

        await using WebNode node = await WebNode.StartAsync(arguments.Origin, cache => cache.UseRedis(arguments.Redis!));
        await BeAsync(node.Address.ToString());
    }

    private static async Task BeAsync(string addresses)
    {
        Console.WriteLine(Ready + addresses);
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Nothing is said here but the end.
        }
    }

    private static async Task HearAsync(StreamReader output, Action<string> tell)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(News, StringComparison.Ordinal))
                tell(line[News.Length..]);
        }
    }

    public override async Task<int> GeneratingAsync(CancellationToken cancellationToken)
    {
        try
        {
            string answer = await _client.GetStringAsync(new Uri(WebNode.GeneratingPath, UriKind.Relative), cancellationToken);
            return int.Parse(answer, CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested && error is HttpRequestException or OperationCanceledException)
        {
            // Too busy to say.
            return 0;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (!_process.HasExited)
            _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(PatienceAtEnd);
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    protected override void KillCore() => _process.Kill();
}
