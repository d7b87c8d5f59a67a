using System.Diagnostics;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>A process of the lab in another role: this very program, started again. It ends when this one does.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    /// <summary>The line by which a child says where it can be reached.</summary>
    public const string Listening = "listening ";

    private const int LinesKept = 400;

    /// <summary>A start takes two seconds of a processor; on a crowded machine that may be minutes.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly ProcessGuard _guard;
    private readonly Queue<string> _lines = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _name;
    private readonly Action<string>? _echo;
    private bool _isGone;

    private ChildProcess(string name, Process process, ProcessGuard guard, Action<string>? echo)
    {
        _name = name;
        _process = process;
        _guard = guard;
        _echo = echo;
    }

    public int Id { get; private set; }

    public bool HasExited => _isGone || _process.HasExited;

    /// <summary>Starts one.</summary>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="guard">Ends it should this process die.</param>
    /// <param name="echo">Gets what it writes, a line each; null: it is only kept.</param>
    /// <param name="isCompiled">Whether all it runs is compiled in full at once.</param>
    /// <param name="arguments">Its role, and what the role needs.</param>
    public static ChildProcess Start(string name, ProcessGuard guard, Action<string>? echo, bool isCompiled, params string[] arguments)
    {
        var start = new ProcessStartInfo(DotnetPath)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);

        // What a test runner or a profiler set for itself is not meant for the children.
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        if (isCompiled)
            start.Environment["DOTNET_TieredCompilation"] = "0";
        var process = new Process { StartInfo = start };
        var child = new ChildProcess(name, process, guard, echo);
        process.OutputDataReceived += (_, line) => child.Take(line.Data);
        process.ErrorDataReceived += (_, line) => child.Take(line.Data);
        process.Start();
        child.Id = process.Id;
        guard.Add(process.Id);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _ = child.WatchAsync();
        return child;
    }

    /// <summary>Where it listens, once it does.</summary>
    public Task<Uri> AddressAsync(CancellationToken cancellationToken) => _address.Task.WaitAsync(s_patience, cancellationToken);

    public Task WaitForExitAsync(TimeSpan patience) => Wait.UntilAsync(() => HasExited, patience, $"{_name} has ended");

    /// <summary>What it wrote last.</summary>
    public string Output
    {
        get
        {
            lock (_lines)
                return string.Join('\n', _lines);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isGone)
            return;
        if (!_process.HasExited)
            Signals.Kill(Id);
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        _guard.Remove(Id);
        _isGone = true;
        _process.Dispose();
    }

    private static string DotnetPath => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    private async Task WatchAsync()
    {
        try
        {
            await _process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // Disposed of.
        }

        _address.TrySetException(new InvalidOperationException($"{_name} has ended before it listened:\n{Output}"));
        _ = _address.Task.Exception;
    }

    private void Take(string? line)
    {
        if (line is null)
            return;
        lock (_lines)
        {
            _lines.Enqueue(line);
            if (_lines.Count > LinesKept)
                _lines.Dequeue();
        }

        if (line.StartsWith(Listening, StringComparison.Ordinal))
            _address.TrySetResult(new Uri(line[Listening.Length..]));
        else
            _echo?.Invoke($"{_name}: {line}");
    }
}
