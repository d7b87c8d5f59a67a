using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AkkaRegenCache.Testing.Servers;

/// <summary>
/// A redis-server of one's own: on a free loopback port, in its own temporary folder, without persistence unless asked. Ended by the
/// process it started.
/// </summary>
public sealed class RedisServer : IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly Lazy<string?> s_path = new(Find);

    private readonly string _folder = Directory.CreateTempSubdirectory("arc-redis-").FullName;
    private readonly string[] _arguments;
    private readonly bool _persistent;
    private Process? _process;
    private bool _isSentinel;

    private RedisServer(bool persistent, string[] arguments)
    {
        _persistent = persistent;
        _arguments = arguments;
        Port = FreePort();
    }

    /// <summary>Why there is none; null where there is one.</summary>
    public static string? WhyMissing => s_path.Value is null ? "redis-server is not on the PATH" : null;

    public int Port { get; private set; }

    private string SentinelFile => Path.Combine(_folder, "sentinel.conf");

    public int ProcessId => _process?.Id ?? 0;

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>As StackExchange.Redis takes it. Reconnects fast.</summary>
    public string Configuration => $"127.0.0.1:{Port},connectTimeout=2000,syncTimeout=5000,abortConnect=false,allowAdmin=true";

    /// <summary>Starts a server.</summary>
    /// <param name="persistent">Whether it writes down every change, for restarts with its data.</param>
    /// <param name="arguments">More arguments for redis-server.</param>
    public static async Task<RedisServer> StartNewAsync(bool persistent = false, params string[] arguments)
    {
        var server = new RedisServer(persistent, arguments);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a Sentinel that watches a primary under the name <c>primary</c>, and fails over by its word alone.</summary>
    /// <param name="primaryPort">The primary's port.</param>
    public static async Task<RedisServer> StartSentinelAsync(int primaryPort)
    {
        var server = new RedisServer(persistent: false, []) { _isSentinel = true };
        await File.WriteAllTextAsync(
            server.SentinelFile,
            $"""
            port {server.Port}
            bind 127.0.0.1
            dir {server._folder}
            sentinel monitor primary 127.0.0.1 {primaryPort} 1
            sentinel down-after-milliseconds primary 1000
            sentinel failover-timeout primary 5000

            """);
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it on its port, with the data it had where it is persistent, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        if (IsRunning)
            return;
        var start = new ProcessStartInfo(s_path.Value ?? throw new InvalidOperationException(WhyMissing))
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = _isSentinel ? [SentinelFile, "--sentinel"] :
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture),
            "--bind", "127.0.0.1",
            "--dir", _folder,
            "--save", "",
            "--appendonly", _persistent ? "yes" : "no",
            "--appendfsync", "always",
            "--daemonize", "no",
            .. _arguments,
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);

        var output = new StringBuilder();
        var process = Process.Start(start)!;
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        var watch = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            if (process.HasExited || watch.Elapsed > s_patience)
            {
                lock (output)
                    throw new InvalidOperationException($"redis-server on port {Port} doesn't answer:\n{output}");
            }

            await Task.Delay(20);
        }

        void Append(string? line)
        {
            lock (output)
                output.AppendLine(line);
        }
    }

    /// <summary>Sends a command on a connection of its own, past every client library, and returns the first line of the answer.</summary>
    public async Task<string> AskAsync(string command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadLineAsync().WaitAsync(s_patience) ?? throw new IOException("The connection was closed.");
    }

    /// <summary>Ends it at once, as kill -9 does.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        using (process)
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync().WaitAsync(s_patience);
        }
    }

    /// <summary>Kills it and starts it again on the same port.</summary>
    /// <param name="withData">Whether it has its data again; only a persistent one can.</param>
    public async Task RestartAsync(bool withData = false)
    {
        if (withData && !_persistent)
            throw new InvalidOperationException("It has written nothing down.");
        await KillAsync();
        if (!withData)
            DeleteData();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static string? Find()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void DeleteData()
    {
        foreach (var folder in Directory.GetDirectories(_folder))
            Directory.Delete(folder, recursive: true);
        foreach (var file in Directory.GetFiles(_folder))
            File.Delete(file);
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await AskAsync("PING") == "+PONG";
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }
}
