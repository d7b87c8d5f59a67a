using System.Globalization;

namespace AkkaRegenCache.FarmLab;

/// <summary>What the command line asked for.</summary>
public sealed record LabOptions
{
    /// <summary>Which scenario.</summary>
    public required string Scenario { get; init; }

    /// <summary>Node processes.</summary>
    public int Nodes { get; init; } = 5;

    /// <summary>How the nodes share their cache.</summary>
    public string Mode { get; init; } = "redis";

    /// <summary>How soon a cluster finds a dead node: <c>fast</c> or <c>default</c>.</summary>
    public string Failover { get; init; } = Failovers.Fast;

    /// <summary>host:port of a Redis that runs; null: the lab starts its own.</summary>
    public string? Redis { get; init; }

    /// <summary>How long the scenario's main part lasts; null: its own default.</summary>
    public int? Seconds { get; init; }

    /// <summary>Of what is random; drawn, and printed, where it is not given.</summary>
    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>Keys in use; null: the scenario's own default.</summary>
    public int? Keys { get; init; }

    /// <summary>Regeneration interval; null: the scenario's own default.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>How often a fault is repeated; null: the scenario's own default.</summary>
    public int? Rounds { get; init; }

    /// <summary>Whether the last line is JSON.</summary>
    public bool IsJson { get; init; }

    /// <summary>How many entries a node's memory may hold; null: the scenario's number.</summary>
    public int? Entries { get; init; }

    /// <summary>Whether the processes' own output is shown.</summary>
    public bool IsVerbose { get; init; }

    internal static string Usage =>
        $"""
        Starts a web farm of real processes, breaks it, and checks the cache's promises by what is counted outside the nodes.

          SCENARIO            one of these:
        {string.Join('\n', Scenarios.All.Select(scenario => $"                                {scenario.Name,-16} {scenario.Summary}"))}

          --nodes N           node processes; 2 to 16, default 5
          --mode NAME         how the nodes share their cache: {string.Join(", ", NodeModes.All.Select(mode => mode.Name))}
          --failover NAME     how soon a cluster finds a dead node: fast (hocon/fast-failover.conf, the default) or default (Akka's own times)
          --redis HOST:PORT   a Redis that runs (where the scenario doesn't break it); default: one of the lab's own
          --seconds S         how long the main part lasts
          --seed S            of what is random; default: drawn, and printed
          --keys N            keys in use
          --entries N         entries that a node's memory may hold (flood)
          --interval S        regeneration interval in seconds, with decimals
          --rounds N          how often the fault is repeated (kill-holder, pause-holder, kill-coordinator)
          --json              one line of JSON, last
          --verbose           what the processes write

        Exit code: 0; 1 if a promise was broken (which, is on stderr); 2 if it can't run.
        """;

    /// <summary>Reads a command line.</summary>
    /// <exception cref="UsageException">An argument is unknown, has no value, or one that can't be used.</exception>
    public static LabOptions Parse(IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        if (arguments.Count == 0 || arguments[0].StartsWith('-'))
            throw new UsageException($"Which scenario? {string.Join(", ", Scenarios.All.Select(scenario => scenario.Name))}.");
        var options = new LabOptions { Scenario = Scenarios.Find(arguments[0]).Name };
        for (var i = 1; i < arguments.Count; i++)
        {
            var name = arguments[i];
            options = name switch
            {
                "--json" => options with { IsJson = true },
                "--verbose" => options with { IsVerbose = true },
                "--nodes" => options with { Nodes = Number(2, 16) },
                "--mode" => options with { Mode = NodeModes.Find(Text()).Name },
                "--failover" => options with { Failover = FailoverName() },
                "--redis" => options with { Redis = Text() },
                "--seconds" => options with { Seconds = Number(1, 86_400) },
                "--seed" => options with { Seed = Number(0, int.MaxValue) },
                "--entries" => options with { Entries = Number(100, 1_000_000) },
                "--keys" => options with { Keys = Number(1, 1_000_000) },
                "--rounds" => options with { Rounds = Number(1, 1000) },
                "--interval" => options with { Interval = Duration() },
                _ => throw new UsageException($"Unknown argument '{name}'."),
            };

            string Text() => ++i < arguments.Count && arguments[i].Length > 0
                ? arguments[i]
                : throw new UsageException($"{name} needs a value.");

            string FailoverName() => Text() is Failovers.Fast or Failovers.Default
                ? arguments[i]
                : throw new UsageException($"--failover takes {Failovers.Fast} or {Failovers.Default}, not '{arguments[i]}'.");

            int Number(int least, int most) =>
                int.TryParse(Text(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                    ? number
                    : throw new UsageException($"{name} takes a whole number from {least} to {most}, not '{arguments[i]}'.");

            TimeSpan Duration() =>
                double.TryParse(Text(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.2 and <= 3600
                    ? TimeSpan.FromSeconds(seconds)
                    : throw new UsageException($"{name} takes seconds from 0.2 to 3600, not '{arguments[i]}'.");
        }

        return options;
    }
}
