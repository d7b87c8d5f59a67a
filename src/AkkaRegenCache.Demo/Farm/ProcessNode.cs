using System.Diagnostics;
using System.Globalization;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>A node in a process of its own, on Redis. Killed as <c>kill -9</c> does it.</summary>
internal sealed class ProcessNode : FarmNode
{
    private const string Ready = "listening on ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly HttpClient _client;

    private ProcessNode(int number, Process process, Uri address)
        : base(number)
    {
        _process = process;
        Address = address;
        _client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(5) };
    }

    public override Uri Address { get; }

    /// <summary>Starts a process, and waits until its node can be asked.</summary>
    public static async Task<FarmNode> StartAsync(int number, string redis, Uri origin)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };

        // Started as "dotnet demo.dll" or as an executable of its own.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(ProcessNode).Assembly.Location);
        foreach (string argument in (string[])["node", redis, origin.ToString()])
            start.ArgumentList.Add(argument);

        Process process = Process.Start(start) ?? throw new InvalidOperationException("A node's process could not be started.");
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                if (line.StartsWith(Ready, StringComparison.Ordinal))
                    return new ProcessNode(number, process, new Uri(line[Ready.Length..]));
            }

            throw new InvalidOperationException("A node's process ended before it was ready; see its messages above.");
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    /// <summary>What such a process does: it is a node until its standard input ends, which it does when the demo dies too.</summary>
    public static async Task RunAsync(string redis, Uri origin)
    {
        await using WebNode node = await WebNode.StartAsync(origin, cache => cache.UseRedis(redis));
        Console.WriteLine(Ready + node.Address);
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Nothing is said here but the end.
        }
    }

    public override async Task<int> GeneratingAsync(CancellationToken cancellationToken) =>
        int.Parse(await _client.GetStringAsync(new Uri(WebNode.GeneratingPath, UriKind.Relative), cancellationToken), CultureInfo.InvariantCulture);

    public override async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (!_process.HasExited)
            _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    protected override void KillCore() => _process.Kill();
}
