using System.CommandLine;
using System.CommandLine.Invocation;
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
        var seconds = Number("--seconds", 1, 86_400);
        var rate = Number("--rate", 1, 20_000);
        var nodes = Number("--nodes", 2, MaximumNodes);
        var keys = Number("--keys", 1, 1_000_000);
        var trace = new Option<string?>("--trace");
        var redis = new Option<string?>("--redis") { Arity = ArgumentArity.ZeroOrOne };
        var processes = new Option<bool>("--processes");
        var noCluster = new Option<bool>("--no-cluster");
        var json = new Option<bool>("--json");
        var help = new Option<bool>("--help", "-h");
        var command = new Command("demo") { seconds, rate, nodes, keys, trace, redis, processes, noCluster, json, help };
        var parsed = command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.GetValue(help))
            return new DemoOptions { Help = true };
        if (parsed.Errors.Count > 0)
            throw new UsageException(WhyNot(parsed));

        var options = new DemoOptions();
        options = options with
        {
            Seconds = parsed.GetValue(seconds) ?? options.Seconds,
            Rate = parsed.GetValue(rate) ?? options.Rate,
            Nodes = parsed.GetValue(nodes) ?? options.Nodes,
            Keys = parsed.GetValue(keys) ?? options.Keys,
            Trace = parsed.GetValue(trace),
            Redis = parsed.GetResult(redis) is null ? null : parsed.GetValue(redis) ?? "",
            Processes = parsed.GetValue(processes),
            NoCluster = parsed.GetValue(noCluster),
            Json = parsed.GetValue(json),
        };
        if (options.Trace is not null && parsed.GetValue(keys) is not null)
            throw new UsageException("--keys and --trace exclude each other: a trace has its own keys.");
        if (options.IsCluster && options.Nodes < 3)
            throw new UsageException("A cluster of two can't survive either of them: --nodes 3 or more, or --no-cluster.");
        if (options is { IsCluster: false, Processes: true, Redis: null })
            throw new UsageException("--processes without a cluster need something to share: --redis.");
        return options;
    }

    private static Option<int?> Number(string name, int least, int most) => new(name)
    {
        CustomParser = argument =>
        {
            string text = argument.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most)
                return number;
            argument.AddError($"{name} takes a whole number from {least} to {most}, not '{text}'.");
            return null;
        },
    };

    /// <summary>What is wrong, with the nearest names of what isn't known.</summary>
    private static string WhyNot(ParseResult parsed)
    {
        if (parsed.Action is ParseErrorAction refusal)
            refusal.ShowHelp = false;
        using var text = new StringWriter();
        parsed.Invoke(new InvocationConfiguration { Output = text, Error = text });
        return text.ToString().Trim();
    }
}

/// <summary>The command line can't be used; the message says why.</summary>
internal sealed class UsageException(string message, Exception? innerException = null) : Exception(message, innerException);
