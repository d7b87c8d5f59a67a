using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace AkkaRegenCache.Benchmarks.Figures;

/// <summary>
/// Runs a command that prints a line of JSON last, and keeps that line in a file with date, commit, machine and command.
/// </summary>
internal static class Record
{
    public static int Run(string[] args)
    {
        var separator = Array.IndexOf(args, "--");
        if (separator < 1 || separator + 1 >= args.Length)
        {
            Console.Error.WriteLine("Usage: record NAME [--dir DIR] -- COMMAND [arguments]");
            return 2;
        }

        var name = args[0];
        var directory = CommandLine.Value(args[..separator], "--dir") ?? CommandLine.Directory;
        var command = args[(separator + 1)..];
        var machine = new Machine(
            Environment.ProcessorCount, RuntimeInformation.OSDescription, Environment.Version.ToString(), Load());
        var began = DateTime.UtcNow;
        var (exitCode, output) = Start(command, echo: true);
        var seconds = (DateTime.UtcNow - began).TotalSeconds;
        if (output.LastOrDefault(line => line.StartsWith('{') || line.StartsWith('[')) is not { } json)
        {
            Console.Error.WriteLine($"The command ended with exit code {exitCode} and printed no line of JSON; nothing was recorded.");
            return 1;
        }

        var recording = new Recording
        {
            Name = name,
            Date = new DateTime(began.Ticks / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond, DateTimeKind.Utc),
            Commit = Git("rev-parse", "--short=8", "HEAD"),
            Modified = Git("status", "--porcelain", "--", "src", "tests", "hocon").Length > 0,
            Machine = machine,
            Command = string.Join(' ', command.Select(word => word.Contains(' ') ? $"'{word}'" : word)),
            ExitCode = exitCode,
            Seconds = Math.Round(seconds, 1),
            Result = JsonDocument.Parse(json).RootElement.Clone(),
        };
        Directory.CreateDirectory(directory);
        var file = Path.Combine(directory, name + ".json");
        File.WriteAllText(file, JsonSerializer.Serialize(recording, FigureFiles.Json) + "\n");
        Console.Error.WriteLine($"Recorded in {file}.");
        return exitCode;
    }

    private static string Git(params string[] arguments)
    {
        var (exitCode, output) = Start(["git", .. arguments], echo: false);
        return exitCode == 0
            ? string.Join('\n', output)
            : throw new InvalidOperationException($"git {string.Join(' ', arguments)} ended with exit code {exitCode}.");
    }

    private static (int ExitCode, List<string> Output) Start(string[] command, bool echo)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;
        var lines = new List<string>();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(line);
            if (echo)
                Console.WriteLine(line);
        }

        process.WaitForExit();
        return (process.ExitCode, lines);
    }

    /// <summary>The load average of the last minute; null where the system doesn't tell.</summary>
    private static double? Load() =>
        File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : null;
}
