using System.Globalization;

namespace AkkaRegenCache.Demo;

/// <summary>What the command line asked for.</summary>
internal sealed record DemoOptions
{
    /// <summary>The most nodes at the start.</summary>
    public const int MaximumNodes = 16;

    /// <summary>What <c>--help</c> says: a file, so that a script can show it before anything is built.</summary>
    public static string Usage
    {
        get
        {
            using Stream text = typeof(DemoOptions).Assembly.GetManifestResourceStream("usage.txt")!;
            using var reader = new StreamReader(text);
            return reader.ReadToEnd().TrimEnd();
        }
    }

    public int Seconds { get; init; } = 30;

    public int Rate { get; init; } = 1500;

    public int Nodes { get; init; } = 3;

    public int Keys { get; init; } = 150;

    public string? Trace { get; init; }

    /// <summary>As a client of Redis takes it; empty: one is to be started; null: not on Redis.</summary>
    public string? Redis { get; init; }

    /// <summary>Whether every node is a process of its own.</summary>
    public bool Processes { get; init; }

    /// <summary>Whether to do without the Akka cluster, though it may be there.</summary>
    public bool NoCluster { get; init; }

    public bool Json { get; init; }

    public bool Help { get; init; }

    /// <summary>Whether the nodes are to be an Akka cluster.</summary>
    public bool IsCluster => !NoCluster;

    /// <exception cref="UsageException">An argument is unknown, has no value, or one that can't be used.</exception>
    public static DemoOptions Parse(string[] arguments)
    {
        var options = new DemoOptions();
        bool keysGiven = false;
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            string? value = null;
            int equals = name.IndexOf('=', StringComparison.Ordinal);
            if (name.StartsWith("--", StringComparison.Ordinal) && equals > 0)
                (name, value) = (name[..equals], name[(equals + 1)..]);

            switch (name)
            {
                case "--help" or "-h":
                    options = options with { Help = NoValue() };
                    break;
                case "--json":
                    options = options with { Json = NoValue() };
                    break;
                case "--seconds":
                    options = options with { Seconds = Number(1, 86_400) };
                    break;
                case "--rate":
                    options = options with { Rate = Number(1, 20_000) };
                    break;
                case "--nodes":
                    options = options with { Nodes = Number(2, MaximumNodes) };
                    break;
                case "--keys":
                    options = options with { Keys = Number(1, 1_000_000) };
                    keysGiven = true;
                    break;
                case "--redis":
                    options = options with { Redis = value ?? Optional() };
                    break;
                case "--processes":
                    options = options with { Processes = NoValue() };
                    break;
                case "--no-cluster":
                    options = options with { NoCluster = NoValue() };
                    break;
                case "--trace":
                    options = options with { Trace = Value() };
                    break;
                default:
                    throw new UsageException($"Unknown argument '{arguments[i]}'.");
            }

            bool NoValue() => value is null ? true : throw new UsageException($"{name} takes no value.");

            string Optional() => i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal) ? arguments[++i] : "";

            string Value()
            {
                value ??= ++i < arguments.Length ? arguments[i] : null;
                if (string.IsNullOrEmpty(value) || value.StartsWith("--", StringComparison.Ordinal))
                    throw new UsageException($"{name} needs a value.");
                return value;
            }

            int Number(int least, int most)
            {
                string text = Value();
                return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
                    ? number
                    : throw new UsageException($"{name} takes a whole number from {least} to {most}, not '{text}'.");
            }
        }

        if (options.Trace is not null && keysGiven)
            throw new UsageException("--keys and --trace exclude each other: a trace has its own keys.");
        if (options.IsCluster && options.Nodes < 3)
            throw new UsageException("A cluster of two can't survive either of them: --nodes 3 or more, or --no-cluster.");
        if (options is { IsCluster: false, Processes: true, Redis: null })
            throw new UsageException("--processes without a cluster need something to share: --redis.");
        return options;
    }
}

/// <summary>The command line can't be used; the message says why.</summary>
internal sealed class UsageException(string message, Exception? innerException = null) : Exception(message, innerException);
