using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>A redis-server of the demo's own, on a free loopback port and in a folder of its own; gone without a trace when it is disposed.</summary>
internal sealed class RedisProcess : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("regencache-demo-").FullName;
    private Process? _process;

    private RedisProcess()
    {
    }

    /// <summary>As its clients take it.</summary>
    public string Address { get; private set; } = "";

    /// <exception cref="UsageException">There is none on the PATH.</exception>
    /// <exception cref="StartFailedException">It doesn't start.</exception>
    public static async Task<RedisProcess> StartAsync()
    {
        string program = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "redis-server.exe" : "redis-server"))
            .FirstOrDefault(File.Exists)
            ?? throw new UsageException("--redis without an address starts a redis-server, and there is none on the PATH.");
        var redis = new RedisProcess();
        try
        {
            await redis.StartAsync(program);
            return redis;
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync(string program)
    {
        int port = FreePort();
        var start = new ProcessStartInfo(program) { WorkingDirectory = _folder };
        string[] arguments =
        [
            "--port", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", _folder, "--logfile", Path.Combine(_folder, "log"),
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        Process process = _process = Process.Start(start) ?? throw new StartFailedException($"{program} could not be started.");
        Address = $"127.0.0.1:{port}";

        using var pacer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var patience = new StartPatience(process); !await AnswersAsync(port);)
        {
            if (patience.ReasonToGiveUp() is { } reason)
                throw new StartFailedException($"{program} doesn't start: {reason}. Its log: {Log()}");
            await pacer.WaitForNextTickAsync();
        }
    }

    private string Log()
    {
        string log = Path.Combine(_folder, "log");
        return File.Exists(log) ? File.ReadAllText(log) : "it says nothing.";
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync("PING\r\n"u8.ToArray());
            var answer = new byte[5];
            await stream.ReadExactlyAsync(answer);
            return answer.AsSpan().SequenceEqual("+PONG"u8);
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            return false;
        }
    }
}
